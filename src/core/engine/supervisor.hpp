// SPDX-License-Identifier: GPL-2.0-only
//
// When the scheduler may come back after the kernel threw it out. Pure; the app owns the timer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace vigil {

class Supervisor {
 public:
  // Time to wait before the next attempt; nothing: stay away until reset(). 1 minute after a first ejection, 5 after a
  // second, then 30; the third within ten minutes is the last.
  std::optional<std::chrono::nanoseconds> ejected(std::uint64_t now);
  // A person wants it tried again.
  void reset() { ejections_.clear(); }
  std::size_t ejections() const { return total_; }

 private:
  std::vector<std::uint64_t> ejections_;  // of the last two hours
  std::size_t total_ = 0;
};

}  // namespace vigil
