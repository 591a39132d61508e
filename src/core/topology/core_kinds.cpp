// SPDX-License-Identifier: GPL-2.0-only
//
// Performance, efficiency and low-power cores, by evidence in order of trust: the kernel's PMU lists, CPUID, the
// kernel's capacities, the firmware's ranks, shared second-level caches, frequencies. The first that tells two
// kinds apart decides; a source that shows no difference is no proof that there is none (Intel hybrids with SMT
// have capacity 1024 everywhere), so the next one is asked.
#include <algorithm>
#include <functional>

#include "core/topology/parts.hpp"

namespace vigil::topology {

namespace {

struct Split {
  CpuSet fast{}, slow{}, low_power{};
  std::string by{};
};

using Value = std::function<std::optional<std::uint32_t>(const Cpu&)>;

// Cuts the CPUs in two at the widest relative gap between neighbouring values, if it is at least `percent`.
std::optional<Split> split_by_gap(const Topology& topology, const Value& value, std::uint32_t percent, std::string by) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> values;  // value, cpu
  for (const auto& cpu : topology.cpus) {
    if (!cpu.online) continue;
    const auto v = value(cpu);
    if (!v || *v == 0) return std::nullopt;
    values.emplace_back(*v, cpu.id);
  }
  std::sort(values.begin(), values.end());
  std::size_t cut = 0;
  double widest = 1.0 + percent / 100.0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    const double ratio = static_cast<double>(values[i].first) / values[i - 1].first;
    if (ratio >= widest) {
      widest = ratio;
      cut = i;
    }
  }
  if (cut == 0) return std::nullopt;
  Split split{.by = std::move(by)};
  for (std::size_t i = 0; i < values.size(); ++i) (i < cut ? split.slow : split.fast).add(values[i].second);
  return split;
}

std::optional<Split> by_pmu(Reader& reader, const Topology& topology) {
  const CpuSet online = topology.online();
  const auto list = [&](const std::string& name) {
    const auto* set = reader.cpu_list("sys/bus/event_source/devices/" + name + "/cpus");
    if (!set) set = reader.cpu_list("sys/devices/" + name + "/cpus");
    return set ? *set & online : CpuSet();
  };
  Split split{.fast = list("cpu_core"), .slow = list("cpu_atom"), .low_power = list("cpu_lowpower"), .by = "the PMUs' CPU lists"};
  split.slow = split.slow - split.low_power;
  if (split.fast.empty() || (split.slow.empty() && split.low_power.empty())) return std::nullopt;
  if (split.fast.intersects(split.slow | split.low_power)) {
    reader.notes().add("the PMUs cpu_core and cpu_atom both claim " +
                       cpu_words(split.fast & (split.slow | split.low_power)) + "; they are not believed");
    return std::nullopt;
  }
  if (const CpuSet rest = online - split.fast - split.slow - split.low_power; !rest.empty()) {
    reader.notes().add("no PMU claims " + cpu_words(rest) + "; taken as performance cores");
    split.fast = split.fast | rest;
  }
  return split;
}

std::optional<Split> by_cpuid(const Topology& topology, const CpuDetails& details) {
  Split split{.by = "CPUID"};
  for (const auto& cpu : topology.cpus) {
    if (!cpu.online) continue;
    const auto& facts = details.at(cpu.id).cpuid;
    if (!facts || !facts->kind) return std::nullopt;
    (*facts->kind == CpuKind::performance  ? split.fast
     : *facts->kind == CpuKind::low_power ? split.low_power
                                          : split.slow)
        .add(cpu.id);
  }
  if (split.fast.empty() || (split.slow.empty() && split.low_power.empty())) return std::nullopt;
  return split;
}

std::uint32_t largest_khz(const Topology& topology, const CpuSet& cpus) {
  std::uint32_t khz = 0;
  for (const auto id : cpus.to_vector()) khz = std::max(khz, topology.find_cpu(id)->max_khz.value_or(0));
  return khz;
}

// AMD ranks cores of one kind, too, and re-ranks whole dies of an X3D: there a rank counts only where the
// frequencies agree.
std::optional<Split> by_rank(const Topology& topology, const CpuDetails& details, const Processor& processor) {
  auto split = split_by_gap(topology, [&](const Cpu& cpu) { return details.at(cpu.id).perf; }, 25, "the firmware's ranks");
  if (!split) return split;
  const auto fast = largest_khz(topology, split->fast), slow = largest_khz(topology, split->slow);
  const bool frequencies_agree = fast && slow && fast >= slow + slow / 8;
  const bool frequencies_known = fast && slow;
  if (frequencies_known ? !frequencies_agree : processor.vendor == Vendor::amd || topology.x3d_mode) return std::nullopt;
  return split;
}

// Intel's small cores come in modules that share their L2, the large ones have their own.
std::optional<Split> by_l2(const Topology& topology, const CpuDetails& details) {
  Split split{.by = "which cores share a second-level cache"};
  for (const auto& cpu : topology.cpus) {
    if (!cpu.online) continue;
    const auto* l2 = details.at(cpu.id).level(2);
    if (!l2 || !l2->shared) return std::nullopt;
    (l2->shared->is_subset_of(topology.cores[*cpu.core].cpus) ? split.fast : split.slow).add(cpu.id);
  }
  if (split.fast.empty() || split.slow.empty()) return std::nullopt;
  return split;
}

}  // namespace

void decide_kinds(Reader& reader, Topology& topology, const CpuDetails& details, const Processor& processor) {
  auto split = by_pmu(reader, topology);
  if (!split) split = by_cpuid(topology, details);
  if (!split)
    split = split_by_gap(topology, [](const Cpu& cpu) { return cpu.capacity; }, 25, "the kernel's CPU capacities");
  if (!split) split = by_rank(topology, details, processor);
  if (!split) split = by_l2(topology, details);
  if (!split)
    split = split_by_gap(topology, [](const Cpu& cpu) { return cpu.max_khz; }, 20, "their highest frequencies");
  if (!split) return;

  // Small cores outside the L3 that other small cores share: the low-power island (Meteor Lake and later).
  CpuSet inside, outside;
  for (const auto id : split->slow.to_vector()) {
    const auto& detail = details.at(id);
    if (!detail.caches.empty()) (detail.level(3) ? inside : outside).add(id);
  }
  if (!inside.empty() && !outside.empty()) {
    split->low_power = split->low_power | outside;
    split->slow = split->slow - outside;
  }
  for (auto& cpu : topology.cpus) {
    if (!cpu.online) continue;
    cpu.kind = split->fast.contains(cpu.id)  ? CpuKind::performance
               : split->slow.contains(cpu.id) ? CpuKind::efficiency
                                              : CpuKind::low_power;
  }
  topology.hybrid = true;
  std::string note = "performance cores (" + cpu_words(split->fast) + ") are told from ";
  note += split->slow.empty() ? "low-power cores" : "efficiency cores (" + cpu_words(split->slow) + ")";
  if (!split->slow.empty() && !split->low_power.empty()) note += " and low-power cores";
  if (!split->low_power.empty()) note += " (" + cpu_words(split->low_power) + ")";
  reader.notes().add(note + " by " + split->by);
}

}  // namespace vigil::topology
