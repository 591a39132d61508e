// SPDX-License-Identifier: GPL-2.0-only
//
// What the machine looks like to the scheduler: CPUs, the caches and dies they share, memory nodes.
//
// Pure: the same tree always gives the same Topology. Nothing is asked of the build machine, and nothing
// that the tree does not say is invented; what is missing, odd or reasoned is told in `notes`.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_set.hpp"
#include "core/topology/tree.hpp"

namespace vigil::topology {

enum class CpuKind : std::uint8_t { uniform, performance, efficiency, low_power };
enum class NodeKind : std::uint8_t { dram, cxl, pmem, hbm, gpu, memory_only };

std::string_view to_string(CpuKind kind);
std::string_view to_string(NodeKind kind);

struct Cpu {
  std::uint32_t id = 0;
  bool online = true;
  // Indices into Topology::cores, llcs and ccds. Every online CPU has all three; an offline one has none.
  std::optional<std::uint32_t> core{}, llc{}, ccd{};
  std::optional<std::uint32_t> package{}, node{};  // the kernel's numbers
  CpuKind kind = CpuKind::uniform;
  std::optional<std::uint32_t> capacity{};  // the kernel's, 1024 for the largest
  std::optional<std::uint32_t> rank{};      // the firmware's preference, larger is faster; nothing when all are alike
  std::optional<std::uint32_t> max_khz{};
  bool operator==(const Cpu&) const = default;
};

struct Core {
  CpuSet cpus{};  // online SMT siblings
  bool operator==(const Core&) const = default;
};

// The CPUs that share a last-level cache.
struct Llc {
  CpuSet cpus{};
  std::optional<std::uint64_t> size_kib{};
  std::uint32_t level = 0;      // 3, or 2 where there is no third; 0: no shared cache seen, a package stands in
  std::uint32_t ccd = 0;
  std::uint32_t package = 0;
  bool vcache = false;          // known or reasoned to be stacked
  bool larger = false;          // at least half as large again as the smallest of its package, for whatever reason
  bool operator==(const Llc&) const = default;
};

// A die with cores. AMD's word; elsewhere the die or, where nothing tells, the LLC.
struct Ccd {
  CpuSet cpus{};
  bool operator==(const Ccd&) const = default;
};

struct Package {
  std::uint32_t id = 0;
  CpuSet cpus{};
  bool operator==(const Package&) const = default;
};

struct Node {
  std::uint32_t id = 0;
  CpuSet cpus{};
  std::optional<std::uint64_t> mem_total_kib{};
  NodeKind kind = NodeKind::dram;
  std::optional<CpuSet> near_cpus{};
  // As seen from the nearest CPUs, where firmware says (ACPI HMAT, CXL CDAT).
  std::optional<std::uint64_t> read_latency_ns{}, write_latency_ns{}, read_bandwidth_mib{}, write_bandwidth_mib{};
  std::optional<std::uint32_t> tier{};  // the kernel's memory tier: larger is slower
  std::vector<std::uint32_t> distances{};  // to the nodes of Topology::nodes, in their order; empty when unknown
  bool operator==(const Node&) const = default;
};

struct Topology {
  std::vector<Cpu> cpus;  // by id; online ones and those known to be offline
  std::vector<Core> cores;
  std::vector<Llc> llcs;
  std::vector<Ccd> ccds;
  std::vector<Package> packages;
  std::vector<Node> nodes;
  std::uint32_t threads_per_core = 1;
  bool hybrid = false;     // more than one CpuKind
  std::string model_name;  // "" when the tree does not say
  std::optional<std::string> x3d_mode;  // amd_x3d_mode: frequency or cache
  std::vector<std::string> notes;
  bool operator==(const Topology&) const = default;

  const Cpu* find_cpu(std::uint32_t id) const;
  const Node* find_node(std::uint32_t id) const;
  CpuSet online() const;
  // All CPUs of a kind, of the LLCs marked vcache.
  CpuSet cpus_of_kind(CpuKind kind) const;
  CpuSet vcache_cpus() const;
};

// What only the running CPU can say of itself (CPUID), for the live machine.
struct CpuidFacts {
  std::optional<std::uint32_t> ccd{};  // unique in the system
  std::optional<CpuKind> kind{};
  bool operator==(const CpuidFacts&) const = default;
};
using CpuidProvider = std::function<std::optional<CpuidFacts>(std::uint32_t cpu)>;

Topology read_topology(const Tree& tree, const CpuidProvider& cpuid = {});

}  // namespace vigil::topology
