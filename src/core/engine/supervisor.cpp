// SPDX-License-Identifier: GPL-2.0-only
#include "core/engine/supervisor.hpp"

#include <algorithm>

namespace vigil {

namespace {
using namespace std::chrono_literals;
constexpr auto kFew = std::chrono::nanoseconds(10min);
constexpr auto kForgotten = std::chrono::nanoseconds(2h);
constexpr std::size_t kTooMany = 3;
}  // namespace

Supervisor::Step Supervisor::ejected(std::uint64_t now, Rung from, bool fault) {
  const auto within = [now](std::chrono::nanoseconds window) {
    return [now, window](std::uint64_t t) { return now - t <= static_cast<std::uint64_t>(window.count()); };
  };
  Step step;
  step.next = fault && from == Rung::full ? Rung::plain : Rung::kernel;
  ++total_;
  ejections_.push_back(now);
  std::erase_if(ejections_, [&](std::uint64_t t) { return !within(kForgotten)(t); });
  if (static_cast<std::size_t>(std::count_if(ejections_.begin(), ejections_.end(), within(kFew))) >= kTooMany)
    return step;
  step.full_after = first_ * (ejections_.size() == 1 ? 1 : ejections_.size() == 2 ? 5 : 30);
  return step;
}

}  // namespace vigil
