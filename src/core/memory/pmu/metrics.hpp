// SPDX-License-Identifier: GPL-2.0-only
//
// From what counters said to what memory does: bandwidth, hit rates, latency, utilisation.
//
// Every number is one that was measured between two readings, or it is not there: an event that the device does not have, a
// counter that was never scheduled, went backwards or has vanished leaves its metrics empty. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/memory/pmu/sources.hpp"

namespace vigil::memory {

// What one read of a group says: PERF_FORMAT_GROUP with both times. Counts in the order of the group's counters, their
// parts already added up.
struct GroupReading {
  std::uint64_t enabled_ns = 0;  // the group was to be counted
  std::uint64_t running_ns = 0;  // ... and was; less than enabled when it shared counters with others
  std::vector<std::uint64_t> counts;
  bool operator==(const GroupReading&) const = default;
};

enum class NoDelta : std::uint8_t {
  none,        // there is one
  first,       // nothing to compare with
  no_time,     // none has passed
  never_ran,   // all counters were taken by others, or the group is larger than the device
  too_little,  // it was counted for less than a fiftieth of the time: nothing to conclude from
  backwards,   // the counter was set back (another device, a reset); the next comparison is good again
  shape,       // not the same group
};
std::string_view to_string(NoDelta why);

struct GroupDelta {
  NoDelta why = NoDelta::first;
  double seconds = 0;              // between the readings
  double share = 0;                // of them during which it was counted
  std::vector<double> per_second;  // scaled to the whole time
  explicit operator bool() const { return why == NoDelta::none; }
};

// Counts are 64 bits wide and may wrap once between the two.
GroupDelta compare(const GroupReading& before, const GroupReading& after);

// A mean over what was counted; there is none of nothing. Of several sources the sums are added up, not the means.
struct Mean {
  double sum = 0;
  double weight = 0;  // per second
  std::optional<double> value() const { return weight > 0 ? std::optional(sum / weight) : std::nullopt; }
  bool operator==(const Mean&) const = default;
};

// Of one source, or of all that count one node's memory.
struct PmuMetrics {
  std::optional<double> read_bytes_per_s, write_bytes_per_s;
  std::optional<Mean> device_cache_hits;  // reads that the device served from a cache of its own; 0 to 1
  std::optional<Mean> snoop_hits;         // snoops that found the line in the device's cache; 0 to 1
  std::optional<Mean> read_latency_ns, write_latency_ns;  // in the device's queue, by Little's law
  // Of a node, where firmware tells the memory's bandwidth; may exceed 1, for such tables are estimates.
  std::optional<double> read_utilisation, write_utilisation;
  std::optional<double> share;  // the least share of the time that any of these rests on; 1: counted all the time

  bool any() const;
  // The busier direction.
  std::optional<double> utilisation() const;
  bool operator==(const PmuMetrics&) const = default;
};

// Takes one group's rates over into the metrics of its source. `counters` are those of the group.
void add_rates(PmuMetrics& metrics, CounterGroup::Purpose purpose, std::span<const Counter> counters, const GroupDelta& delta);

// A node's metrics from those of its sources: each needs all of them, or it is not the node's.
PmuMetrics combine(std::span<const PmuMetrics> sources, bool complete, std::optional<std::uint64_t> read_bandwidth_mib,
                   std::optional<std::uint64_t> write_bandwidth_mib);

}  // namespace vigil::memory
