// SPDX-License-Identifier: GPL-2.0-only
//
// What happens after the kernel threw the scheduler out: the next rung down the ladder at once, the first again after a
// while. Pure; the app owns the timer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace vigil {

// Full: all of it. Plain: the same queues and deadlines without steering, preemption, judging and groups, that is without
// whatever is more likely to be wrong. Kernel: the kernel's own scheduler; classification goes on.
enum class Rung { full, plain, kernel };

constexpr std::string_view to_string(Rung rung) {
  switch (rung) {
    case Rung::full: return "full";
    case Rung::plain: return "plain";
    case Rung::kernel: return "kernel";
  }
  return "kernel";
}

class Supervisor {
 public:
  struct Step {
    Rung next = Rung::kernel;
    // Time to the next attempt with the full policy; nothing: only after reset().
    std::optional<std::chrono::nanoseconds> full_after;
  };

  // `first`: time away after a first ejection, five times as long after a second, then thirty times.
  explicit Supervisor(std::chrono::nanoseconds first = std::chrono::minutes(1)) : first_(first) {}

  // The scheduler ended while on `from`. Its own fault: one rung down; somebody's wish (SysRq-S): the kernel's scheduler. The
  // third time within ten minutes is the last.
  Step ejected(std::uint64_t now, Rung from, bool fault);
  // A person wants it tried again.
  void reset() { ejections_.clear(); }
  void set_first(std::chrono::nanoseconds first) { first_ = first; }
  std::size_t ejections() const { return total_; }

 private:
  std::chrono::nanoseconds first_;
  std::vector<std::uint64_t> ejections_;  // of the last two hours
  std::size_t total_ = 0;
};

}  // namespace vigil
