// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/topology.hpp"

#include <algorithm>

#include "core/topology/parts.hpp"

namespace vigil::topology {

std::string_view to_string(CpuKind kind) {
  switch (kind) {
    case CpuKind::uniform: return "uniform";
    case CpuKind::performance: return "performance";
    case CpuKind::efficiency: return "efficiency";
    case CpuKind::low_power: return "low_power";
  }
  return "uniform";
}

std::string_view to_string(NodeKind kind) {
  switch (kind) {
    case NodeKind::dram: return "dram";
    case NodeKind::cxl: return "cxl";
    case NodeKind::pmem: return "pmem";
    case NodeKind::hbm: return "hbm";
    case NodeKind::gpu: return "gpu";
    case NodeKind::memory_only: return "memory_only";
  }
  return "memory_only";
}

namespace {

template <typename Cpus>
auto* find_by_id(Cpus& cpus, std::uint32_t id) {
  const auto it = std::lower_bound(cpus.begin(), cpus.end(), id, [](const Cpu& cpu, std::uint32_t n) { return cpu.id < n; });
  return it != cpus.end() && it->id == id ? &*it : nullptr;
}

}  // namespace

const Cpu* Topology::find_cpu(std::uint32_t id) const { return find_by_id(cpus, id); }
Cpu* find_cpu(Topology& topology, std::uint32_t id) { return find_by_id(topology.cpus, id); }

const Node* Topology::find_node(std::uint32_t id) const {
  const auto it = std::find_if(nodes.begin(), nodes.end(), [id](const Node& node) { return node.id == id; });
  return it == nodes.end() ? nullptr : &*it;
}

CpuSet Topology::online() const {
  CpuSet set;
  for (const auto& cpu : cpus)
    if (cpu.online) set.add(cpu.id);
  return set;
}

CpuSet Topology::cpus_of_kind(CpuKind kind) const {
  CpuSet set;
  for (const auto& cpu : cpus)
    if (cpu.online && cpu.kind == kind) set.add(cpu.id);
  return set;
}

CpuSet Topology::vcache_cpus() const {
  CpuSet set;
  for (const auto& llc : llcs)
    if (llc.vcache) set = set | llc.cpus;
  return set;
}

Topology read_topology(const Tree& tree, const CpuidProvider& cpuid) {
  Notes notes;
  Reader reader(tree, notes);
  Topology topology;
  const auto processor = read_processor(reader);
  topology.model_name = processor.name;
  read_cpus(reader, topology);
  read_cores(reader, topology);
  read_nodes(reader, topology, processor);
  const auto details = read_details(reader, topology, processor, cpuid);
  decide_kinds(reader, topology, details, processor);
  group_llcs(reader, topology, details);
  group_ccds(reader, topology, details, processor);
  find_vcache(reader, topology, details, processor);
  for (auto& problem : tree.take_problems()) notes.add(std::move(problem));
  topology.notes = notes.take();
  return topology;
}

}  // namespace vigil::topology
