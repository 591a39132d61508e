// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/pace.hpp"

#include <algorithm>
#include <cmath>

namespace vigil::memory {

std::chrono::nanoseconds Pace::after(std::optional<double> bytes_per_s, std::chrono::nanoseconds cost) {
  const auto now = static_cast<double>(cost.count());
  cost_ns_ = cost_ns_ == 0 ? now : cost_ns_ + (now - cost_ns_) / 8;
  const bool steady = bytes_per_s && last_ && std::abs(*bytes_per_s - *last_) <= limits_.change * std::max(*last_, 1.0);
  interval_ = steady ? std::min(interval_ * 2, limits_.most) : limits_.least;
  // What is compared with stays until there is a change, so that a slow drift is one, too.
  if (!steady) last_ = bytes_per_s;
  const std::chrono::nanoseconds affordable(static_cast<std::int64_t>(cost_ns_ / limits_.cost_share));
  costly_ = affordable > interval_;
  // The cost bound wins over the longest interval.
  interval_ = std::max(interval_, affordable);
  return interval_;
}

}  // namespace vigil::memory
