// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/sched_topology.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace vigil::topology {

namespace {

const SchedTopology::Cpu* find(const SchedTopology& topology, std::uint32_t id) {
  const auto it = std::lower_bound(topology.cpus.begin(), topology.cpus.end(), id,
                                   [](const SchedTopology::Cpu& cpu, std::uint32_t n) { return cpu.id < n; });
  return it != topology.cpus.end() && it->id == id ? &*it : nullptr;
}

// The number each group has among those in force; nothing when one has come apart, two have become one, or a CPU of it
// is new.
template <typename Groups>
std::optional<std::vector<std::uint32_t>> kept_numbers(const Groups& groups, const SchedTopology& in_force,
                                                       std::uint32_t SchedTopology::Cpu::*number) {
  std::vector<std::uint32_t> out;
  std::set<std::uint32_t> taken;
  for (const auto& group : groups) {
    std::optional<std::uint32_t> kept;
    for (const auto id : group.cpus.to_vector()) {
      const auto* before = find(in_force, id);
      if (!before || (kept && *kept != before->*number)) return std::nullopt;
      kept = before->*number;
    }
    if (!kept || !taken.insert(*kept).second) return std::nullopt;
    out.push_back(*kept);
  }
  return out;
}

}  // namespace

SchedTopology sched_topology(const Topology& topology) { return sched_topology(topology, {}); }

SchedTopology sched_topology(const Topology& topology, const SchedTopology& in_force) {
  const auto llcs = kept_numbers(topology.llcs, in_force, &SchedTopology::Cpu::llc);
  const auto cores = kept_numbers(topology.cores, in_force, &SchedTopology::Cpu::core);
  // Each CPU that is not on line is a core of its own, until it says with whom it shares one.
  auto next_core = static_cast<std::uint32_t>(topology.cores.size());
  for (const auto& cpu : in_force.cpus) next_core = std::max(next_core, cpu.core + 1);
  SchedTopology out;
  for (const auto& cpu : topology.cpus) {
    const auto* before = find(in_force, cpu.id);
    SchedTopology::Cpu entry{.id = cpu.id};
    if (cpu.online) {
      entry.llc = llcs ? (*llcs)[*cpu.llc] : *cpu.llc;
      entry.core = cores ? (*cores)[*cpu.core] : *cpu.core;
      entry.capacity = cpu.capacity.value_or(1024);
      entry.rank = cpu.rank.value_or(0);
      entry.node = cpu.node.value_or(0);
      entry.vcache = topology.llcs[*cpu.llc].vcache;
      entry.efficient = cpu.kind == CpuKind::efficiency || cpu.kind == CpuKind::low_power;
    } else {
      if (before) entry = *before;
      if (!llcs) entry.llc = 0;
      if (!cores || !before) entry.core = next_core++;
    }
    out.cpus.push_back(entry);
  }
  return out;
}

}  // namespace vigil::topology
