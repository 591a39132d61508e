// SPDX-License-Identifier: GPL-2.0-only
//
// What holds for every Topology, whatever tree it was read from.
#pragma once

#include <doctest/doctest.h>

#include "core/topology/topology.hpp"

namespace vigil::test {

template <typename Groups>
void check_partition(const Groups& groups, const CpuSet& all) {
  CpuSet seen;
  for (const auto& group : groups) {
    CHECK_FALSE(group.cpus.empty());
    CHECK_FALSE(group.cpus.intersects(seen));
    seen = seen | group.cpus;
  }
  CHECK(seen == all);
}

inline void check_rules(const topology::Topology& topology) {
  const CpuSet online = topology.online();
  check_partition(topology.cores, online);
  check_partition(topology.llcs, online);
  check_partition(topology.ccds, online);
  check_partition(topology.packages, online);
  for (std::size_t i = 0; i < topology.cpus.size(); ++i) {
    const auto& cpu = topology.cpus[i];
    if (i > 0) CHECK(topology.cpus[i - 1].id < cpu.id);
    CHECK(cpu.id < kMaxCpus);
    CHECK(cpu.core.has_value() == cpu.online);
    CHECK(cpu.llc.has_value() == cpu.online);
    CHECK(cpu.ccd.has_value() == cpu.online);
    if (!cpu.online) continue;
    REQUIRE(cpu.package);
    REQUIRE(*cpu.core < topology.cores.size());
    REQUIRE(*cpu.llc < topology.llcs.size());
    REQUIRE(*cpu.ccd < topology.ccds.size());
    CHECK(topology.cores[*cpu.core].cpus.contains(cpu.id));
    CHECK(topology.llcs[*cpu.llc].cpus.contains(cpu.id));
    CHECK(topology.ccds[*cpu.ccd].cpus.contains(cpu.id));
    CHECK(topology.llcs[*cpu.llc].ccd == *cpu.ccd);
    CHECK((cpu.kind == topology::CpuKind::uniform) != topology.hybrid);
  }
  CpuSet in_nodes;
  for (const auto& node : topology.nodes) {
    CHECK_FALSE(node.cpus.intersects(in_nodes));
    in_nodes = in_nodes | node.cpus;
    CHECK((node.distances.empty() || node.distances.size() == topology.nodes.size()));
    CHECK(((node.kind == topology::NodeKind::dram) || node.cpus.empty()));
    for (const auto id : node.cpus.to_vector()) CHECK(topology.find_cpu(id)->node == node.id);
    if (node.near_cpus) CHECK(node.near_cpus->is_subset_of(online));
  }
  CHECK(in_nodes.is_subset_of(online));
  for (const auto& note : topology.notes) CHECK(note.size() < 1000);
}

}  // namespace vigil::test
