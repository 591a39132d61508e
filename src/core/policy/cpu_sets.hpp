// SPDX-License-Identifier: GPL-2.0-only
//
// CPU sets: named sets of CPUs that the scheduler prefers, softly, for a class, a profile or a task. What the machine has
// decides which of them exist; one that would be empty, or all of the machine, does not, and asks for nothing.
//
//   const auto sets = cpu_sets_of(topology);
//   const auto places = places_of(sets, {});
//   scheduler.set_cpu_set(CpuSetId::vcache, sets[CpuSetId::vcache]);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/cpu_set.hpp"
#include "base/workload_class.hpp"
#include "core/topology/topology.hpp"

namespace vigil::policy {

inline constexpr std::size_t kCpuSetCount = 64;
inline constexpr std::uint32_t kNodeSets = 48;

// bpf/abi.h's enum vigil_cpu_set; edge/kernel asserts that they are equal.
enum class CpuSetId : std::uint8_t {
  any = 0,
  vcache = 1,       // the LLCs with stacked cache, where there are others beside
  frequency = 2,    // ... and those others
  performance = 3,  // of a hybrid machine: the large cores
  efficient = 4,    // ... the small ones
  low_power = 5,    // ... those of the low-power island
  preferred = 6,    // firmware ranks them first
  node = 16,        // near_node(n): CPUs near memory node n
};

// The set of CPUs near a memory node; `any` for nodes that have no number of their own.
constexpr CpuSetId near_node(std::uint32_t node) {
  return node < kNodeSets ? static_cast<CpuSetId>(static_cast<std::uint32_t>(CpuSetId::node) + node) : CpuSetId::any;
}

// "vcache", "node 3", ... for people.
std::string to_string(CpuSetId id);

class CpuSets {
 public:
  const CpuSet& operator[](CpuSetId id) const { return sets_[static_cast<std::size_t>(id)]; }
  CpuSet& operator[](CpuSetId id) { return sets_[static_cast<std::size_t>(id)]; }
  bool has(CpuSetId id) const { return !(*this)[id].empty(); }
  bool operator==(const CpuSets&) const = default;

 private:
  std::array<CpuSet, kCpuSetCount> sets_{};
};

// Online CPUs only: a CPU that comes or goes makes other sets.
CpuSets cpu_sets_of(const topology::Topology& topology);

// Where the classes would rather run.
struct Places {
  std::array<CpuSetId, kWorkloadClassCount> classes{};
  std::array<bool, kWorkloadClassCount> spread{};  // a whole idle core, however far, before a busy core's second thread
  CpuSetId away = CpuSetId::any;                   // background, while a game runs
  bool operator==(const Places&) const = default;
};

struct PlaceWishes {
  bool save_power = false;  // what is not urgent goes to the cores that use least
};

Places places_of(const CpuSets& sets, const PlaceWishes& wishes);

}  // namespace vigil::policy
