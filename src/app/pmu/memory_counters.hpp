// SPDX-License-Identifier: GPL-2.0-only
//
// The memory counters in the daemon: PmuWatch, driven by the run time of memory-bound tasks (Sampling) instead of a timer.
//
//   set_active(true)  → counters open, run time is accounted → SAMPLE records → on_sample() → node metrics
//   set_active(false) → nothing is open, attached, accounted or asked for
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/pmu/pmu_watch.hpp"
#include "edge/kernel/sampling.hpp"

namespace vigil::app {

class MemoryCounters {
 public:
  // `events`: the object that owns the ring and all verdicts; it outlives this.
  MemoryCounters(const BpfObject& events, PmuWatchOptions options);

  void set_machine(const topology::Topology& topology, const topology::Devices& devices);
  // Memory-bound processes exist, or the last has gone.
  void set_active(bool active);
  // Our scheduler is attached: it accounts, and the kernel's own accounting is not followed.
  void set_scheduling(bool scheduling);

  struct Measured {
    std::vector<memory::NodeMetrics> nodes;
    std::vector<std::uint32_t> gone;  // nodes that were measured before and were not now
  };
  // A SAMPLE record came. Nothing: it was late, for nobody memory-bound is left.
  std::optional<Measured> on_sample();

  bool simulated() const { return simulated_; }
  memory::PmuReport report() const;
  std::vector<std::string> degraded() const;

 private:
  void account();
  std::vector<std::uint32_t> nodes_gone(const std::vector<memory::NodeMetrics>& now);

  PmuWatch watch_;
  bool simulated_ = false;
  bool active_ = false, scheduling_ = false;
  std::optional<Sampling> sampling_;
  std::string sampling_missing_;  // a sentence
  std::vector<std::uint32_t> measured_;  // nodes, by the last sample
};

}  // namespace vigil::app
