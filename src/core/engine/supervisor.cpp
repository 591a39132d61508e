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

std::optional<std::chrono::nanoseconds> Supervisor::ejected(std::uint64_t now) {
  const auto within = [now](std::chrono::nanoseconds window) {
    return [now, window](std::uint64_t t) { return now - t <= static_cast<std::uint64_t>(window.count()); };
  };
  ++total_;
  ejections_.push_back(now);
  std::erase_if(ejections_, [&](std::uint64_t t) { return !within(kForgotten)(t); });
  if (static_cast<std::size_t>(std::count_if(ejections_.begin(), ejections_.end(), within(kFew))) >= kTooMany)
    return std::nullopt;
  if (ejections_.size() == 1) return 1min;
  return ejections_.size() == 2 ? 5min : 30min;
}

}  // namespace vigil
