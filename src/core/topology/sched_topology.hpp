// SPDX-License-Identifier: GPL-2.0-only
//
// The machine as the scheduler is told of it: for each CPU a number of its last-level cache and of its core, and
// what else its map holds.
//
// The scheduler makes a queue for each cache when it is loaded. So the numbers it knows are kept for as long as they
// still fit: a cache whose CPUs are off line for a while keeps its number, and so do its CPUs.
#pragma once

#include <cstdint>
#include <vector>

#include "core/topology/topology.hpp"

namespace vigil {

// No entries: one LLC with all CPUs.
struct SchedTopology {
  struct Cpu {
    std::uint32_t id = 0;
    std::uint32_t llc = 0;   // dense index
    std::uint32_t core = 0;  // dense index, equal for SMT siblings
    std::uint32_t capacity = 1024;
    std::uint32_t rank = 0;  // larger is faster, 0 unknown
    std::uint32_t node = 0;  // memory node
    bool vcache = false;
    bool efficient = false;
    bool operator==(const Cpu&) const = default;
  };
  std::vector<Cpu> cpus;  // by id
  bool operator==(const SchedTopology&) const = default;
};

namespace topology {

// For a scheduler that is to be loaded. Of a CPU that is off line its caches are not known: it counts to the first.
SchedTopology sched_topology(const Topology& topology);

// For one that was loaded with `in_force`: by its numbers if the caches and cores of `topology` fit them, else numbered
// anew, as if for a fresh one. CPUs that are off line stay as they were.
SchedTopology sched_topology(const Topology& topology, const SchedTopology& in_force);

}  // namespace topology

}  // namespace vigil
