// SPDX-License-Identifier: GPL-2.0-only
//
// What was measured of one memory node: by a CXL device's counters, the memory controllers', or a simulation that
// somebody asked for by name. A value that was not measured is absent, and nothing stands in for it.
#pragma once

#include <cstdint>
#include <optional>

namespace vigil::memory {

using NodeId = std::uint32_t;  // the kernel's number

struct NodeMetrics {
  NodeId node = 0;
  std::optional<double> read_mib_s{}, write_mib_s{};
  std::optional<double> hit_rate{};     // 0 … 1: reads that the device's cache or a snoop served
  std::optional<double> latency_ns{};   // of a read, mean
  std::optional<double> utilisation{};  // 0 … 1: bandwidth used of what firmware says there is
  bool simulated = false;
  std::uint64_t at_ns = 0;              // CLOCK_MONOTONIC, end of the interval measured

  // Only when both directions are known: half of a sum is no sum.
  std::optional<double> bandwidth_mib_s() const {
    if (!read_mib_s || !write_mib_s) return std::nullopt;
    return *read_mib_s + *write_mib_s;
  }
  bool operator==(const NodeMetrics&) const = default;
};

}  // namespace vigil::memory
