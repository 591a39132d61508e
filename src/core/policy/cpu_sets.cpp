// SPDX-License-Identifier: GPL-2.0-only
#include "core/policy/cpu_sets.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

namespace vigil::policy {

namespace {

using topology::Cpu;
using topology::CpuKind;
using topology::Topology;

// The mean rank of the CPUs; nothing when one of them has none.
std::optional<double> mean_rank(const Topology& topology, const CpuSet& cpus) {
  double sum = 0;
  for (const auto id : cpus.to_vector()) {
    const Cpu* cpu = topology.find_cpu(id);
    if (!cpu || !cpu->rank) return std::nullopt;
    sum += *cpu->rank;
  }
  return cpus.empty() ? std::nullopt : std::optional(sum / cpus.count());
}

// Of several LLCs the one that firmware ranks highest, whole: threads that share data stay together.
CpuSet best_llc(const Topology& topology, const CpuSet& among) {
  CpuSet best;
  double best_rank = 0;
  for (const auto& llc : topology.llcs) {
    const CpuSet cpus = llc.cpus & among;
    if (cpus.empty()) continue;
    const auto rank = mean_rank(topology, cpus);
    if (!rank) return {};
    if (*rank > best_rank) {
      best_rank = *rank;
      best = cpus;
    }
  }
  return best;
}

// The upper half of the cores by rank, with all that are equal to the last of them.
CpuSet better_half(const Topology& topology, const CpuSet& among) {
  std::vector<std::pair<std::uint32_t, const CpuSet*>> cores;
  for (const auto& core : topology.cores) {
    if (!core.cpus.is_subset_of(among)) continue;
    const Cpu* cpu = topology.find_cpu(core.cpus.first());
    if (!cpu || !cpu->rank) return {};
    cores.emplace_back(*cpu->rank, &core.cpus);
  }
  if (cores.size() < 2) return {};
  std::sort(cores.begin(), cores.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  const auto least = cores[(cores.size() - 1) / 2].first;
  CpuSet out;
  for (const auto& [rank, cpus] : cores)
    if (rank >= least) out = out | *cpus;
  return out;
}

CpuSet preferred(const Topology& topology, const CpuSet& among) {
  std::size_t llcs = 0;
  for (const auto& llc : topology.llcs) llcs += llc.cpus.intersects(among);
  const CpuSet out = llcs > 1 ? best_llc(topology, among) : better_half(topology, among);
  // Ranks that do not tell CPUs apart prefer nothing.
  const auto inside = mean_rank(topology, out), outside = mean_rank(topology, among - out);
  return inside && outside && *inside > *outside ? out : CpuSet();
}

CpuSetId first_of(const CpuSets& sets, std::initializer_list<CpuSetId> wanted) {
  for (const auto id : wanted)
    if (sets.has(id)) return id;
  return CpuSetId::any;
}

}  // namespace

std::string to_string(CpuSetId id) {
  switch (id) {
    case CpuSetId::any: return "any";
    case CpuSetId::vcache: return "vcache";
    case CpuSetId::frequency: return "frequency";
    case CpuSetId::performance: return "performance";
    case CpuSetId::efficient: return "efficient";
    case CpuSetId::low_power: return "low_power";
    case CpuSetId::preferred: return "preferred";
    case CpuSetId::node: break;
  }
  const auto number = static_cast<std::uint32_t>(id), first = static_cast<std::uint32_t>(CpuSetId::node);
  return number >= first ? "node " + std::to_string(number - first) : "set " + std::to_string(number);
}

CpuSets cpu_sets_of(const Topology& topology) {
  const CpuSet online = topology.online();
  CpuSets out;
  const auto set = [&](CpuSetId id, const CpuSet& cpus) {
    const CpuSet there = cpus & online;
    if (there != online) out[id] = there;
  };
  const CpuSet vcache = topology.vcache_cpus();
  if (!vcache.empty()) {
    set(CpuSetId::vcache, vcache);
    set(CpuSetId::frequency, online - vcache);
  }
  CpuSet fast = online;
  if (topology.hybrid) {
    fast = topology.cpus_of_kind(CpuKind::performance) & online;
    set(CpuSetId::performance, fast);
    set(CpuSetId::efficient, topology.cpus_of_kind(CpuKind::efficiency));
    set(CpuSetId::low_power, topology.cpus_of_kind(CpuKind::low_power));
  }
  set(CpuSetId::preferred, preferred(topology, fast));
  for (const auto& node : topology.nodes)
    if (const auto id = near_node(node.id); id != CpuSetId::any) set(id, node.near_cpus.value_or(node.cpus));
  return out;
}

Places places_of(const CpuSets& sets, const PlaceWishes& wishes) {
  using enum CpuSetId;
  const auto fast = first_of(sets, {vcache, performance, preferred});
  const auto large = first_of(sets, {performance});
  const auto saving = first_of(sets, {efficient, low_power});
  const bool hybrid = large != any;

  Places out;
  const auto place = [&](WorkloadClass klass, CpuSetId id, bool spread) {
    out.classes[static_cast<std::size_t>(klass)] = id;
    out.spread[static_cast<std::size_t>(klass)] = spread;
  };
  const auto usual = wishes.save_power ? saving : large;
  for (const auto klass : {WorkloadClass::regular, WorkloadClass::container, WorkloadClass::kworker})
    place(klass, usual, hybrid && !wishes.save_power);
  place(WorkloadClass::interactive, large, hybrid);
  place(WorkloadClass::gaming, fast, false);
  place(WorkloadClass::latency, fast, false);
  place(WorkloadClass::batch, wishes.save_power ? saving : any, false);
  place(WorkloadClass::ai, large, true);
  place(WorkloadClass::vm, large, true);
  place(WorkloadClass::vectordb, large, hybrid);
  out.away = first_of(sets, {frequency, efficient});
  return out;
}

}  // namespace vigil::policy
