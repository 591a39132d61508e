// SPDX-License-Identifier: GPL-2.0-only
//
// What is known of the memory counters at one moment: for status, statistics and whoever decides by them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/memory/metrics.hpp"
#include "core/memory/pmu/metrics.hpp"

namespace vigil::memory {

struct PmuReport {
  struct Source {
    std::string name;
    std::string kind;
    std::optional<std::string> device;
    std::optional<std::uint32_t> node;
    std::string problem;  // a sentence; empty: none
    PmuMetrics metrics;   // empty where nothing fresh was measured
  };
  struct Node {
    std::uint32_t node = 0;
    PmuMetrics metrics;
  };
  bool simulated = false;   // all of it: simulated and measured numbers are never mixed
  bool counting = false;    // memory-bound processes exist, so the counters are open
  std::uint64_t samples = 0;          // times they were read
  std::uint64_t reads = 0;            // system calls for it
  std::uint64_t sample_cost_ns = 0;   // CPU time of all of them
  std::uint64_t interval_ns = 0;      // between two, now
  bool held_back = false;             // ... which is longer because reading is costly here
  std::optional<std::uint64_t> at_ns; // the last one
  std::vector<Source> sources;
  std::vector<Node> nodes;
  std::vector<std::string> notes;     // what is there and cannot be counted on
};

// For the model that decides. One hit rate: the device's cache, or else its answers to snoops.
NodeMetrics node_metrics(const PmuReport::Node& node, bool simulated, std::uint64_t at_ns);

}  // namespace vigil::memory
