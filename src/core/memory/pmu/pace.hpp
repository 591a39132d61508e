// SPDX-License-Identifier: GPL-2.0-only
//
// How often counters are worth reading: every 100 ms while what they say changes, seldom while it stays the same, and never
// so often that reading costs more than one hundredth of a CPU. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/memory/pmu/metrics.hpp"

namespace vigil::memory {

struct PaceLimits {
  std::chrono::nanoseconds least = std::chrono::milliseconds(100);
  std::chrono::nanoseconds most = std::chrono::seconds(1);
  double change = 0.1;      // relative change of a bandwidth that counts as one
  double cost_share = 0.01; // of one CPU
};

class Pace {
 public:
  explicit Pace(PaceLimits limits = {}) : limits_(limits), interval_(limits.least) {}

  // After a sample: what it found in all, and what taking it cost. The interval to the next.
  std::chrono::nanoseconds after(std::optional<double> bytes_per_s, std::chrono::nanoseconds cost);
  void reset() { *this = Pace(limits_); }
  std::chrono::nanoseconds interval() const { return interval_; }
  // Held back by what a sample costs.
  bool costly() const { return costly_; }

 private:
  PaceLimits limits_;
  std::chrono::nanoseconds interval_;
  std::optional<double> last_;
  double cost_ns_ = 0;  // smoothed
  bool costly_ = false;
};

}  // namespace vigil::memory
