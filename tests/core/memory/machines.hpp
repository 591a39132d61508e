// SPDX-License-Identifier: GPL-2.0-only
//
// Machines for the memory tests: only what placement by memory looks at.
#pragma once

#include "core/topology/topology.hpp"

namespace vigil::test {

inline topology::Node memory_node(std::uint32_t id, const char* cpus, const char* near, topology::NodeKind kind = topology::NodeKind::dram) {
  topology::Node node;
  node.id = id;
  node.cpus = *CpuSet::parse(cpus);
  if (*near) node.near_cpus = *CpuSet::parse(near);
  node.kind = kind;
  return node;
}

inline topology::Topology with_cpus(std::uint32_t count) {
  topology::Topology out;
  for (std::uint32_t i = 0; i < count; ++i) out.cpus.push_back({.id = i});
  return out;
}

// CPUs 0-3 on node 0, 4-7 on node 1.
inline topology::Topology two_nodes() {
  auto out = with_cpus(8);
  out.nodes = {memory_node(0, "0-3", "0-3"), memory_node(1, "4-7", "4-7")};
  return out;
}

// The same, and CXL memory on node 2, near node 1.
inline topology::Topology with_cxl() {
  auto out = two_nodes();
  out.nodes.push_back(memory_node(2, "", "4-7", topology::NodeKind::cxl));
  return out;
}

}  // namespace vigil::test
