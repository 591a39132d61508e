// SPDX-License-Identifier: GPL-2.0-only
//
// Counters of one event source on one CPU, counted and read together (perf_event_open with a group leader).
//
//   auto group = PerfGroup::open(PerfCalls::system(), {.source = "cxl_pmu_mem0.0", .type = 24, .cpu = 0}, counters);
//   auto reading = group->read();
//
// It counts from open() on, system-wide, and holds the device's counters until it is destroyed. When the CPU goes off line
// the kernel moves an uncore or CXL event by itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "core/memory/pmu/metrics.hpp"
#include "edge/pmu/perf_calls.hpp"

namespace vigil::edge {

struct PerfPlace {
  std::string source;  // for sentences
  std::uint32_t type = 0;
  std::uint32_t cpu = 0;
};

class PerfGroup {
 public:
  // More would not fit any device.
  static constexpr std::size_t kMaxEvents = 16;

  // The error's code is the kernel's errno, its message a sentence on what that means and what to do.
  static Result<PerfGroup> open(const PerfCalls& calls, const PerfPlace& place, std::span<const memory::Counter> counters);

  // ENODEV: the event source has vanished.
  Result<memory::GroupReading> read(const PerfCalls& calls) const;

  std::size_t descriptors() const { return events_.size(); }

 private:
  static Result<PerfGroup> open_events(const PerfCalls& calls, const PerfPlace& place, std::span<const memory::Counter> counters,
                                       bool joined);
  std::string source_;
  std::vector<UniqueFd> events_;           // the first leads
  std::vector<std::size_t> counter_of_;    // by event: which counter it is a part of
  std::size_t counters_ = 0;
};

// What it means that a counter could not be opened.
std::string why_not_opened(const std::string& source, std::uint32_t cpu, int code);

}  // namespace vigil::edge
