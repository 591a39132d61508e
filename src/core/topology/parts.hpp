// SPDX-License-Identifier: GPL-2.0-only
//
// The steps of read_topology() and read_devices(), in order; each fills its part from the tree. Internal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/topology/devices.hpp"
#include "core/topology/reader.hpp"
#include "core/topology/topology.hpp"

namespace vigil::topology {

enum class Vendor : std::uint8_t { unknown, amd, intel, arm, other };

// Which processor this is, from the head of /proc/cpuinfo; a tree without one is normal.
struct Processor {
  Vendor vendor = Vendor::unknown;
  std::uint32_t family = 0, model = 0;
  std::string name;
  bool hypervisor = false;
};

struct Cache {
  std::uint32_t level = 0;
  const CpuSet* shared = nullptr;  // as the kernel gives it, offline CPUs and all
  std::optional<std::uint64_t> size_kib;
  std::optional<std::uint32_t> id;
};

// What is known of one online CPU beside the Topology.
struct CpuDetail {
  std::vector<Cache> caches;            // level 2 and above, no instruction caches
  std::optional<std::uint32_t> perf;    // CPPC's or the ranking's raw number
  std::optional<std::uint32_t> die;
  std::optional<CpuidFacts> cpuid;
  const Cache* level(std::uint32_t level) const;
};

using CpuDetails = std::map<std::uint32_t, CpuDetail>;

Processor read_processor(Reader& reader);

// Topology::cpus with their packages, and packages.
void read_cpus(Reader& reader, Topology& topology);
void read_cores(Reader& reader, Topology& topology);
// Nodes and each CPU's node. Reads the devices that tell what a node without CPUs is.
void read_nodes(Reader& reader, Topology& topology, const Processor& processor);
// Caches, dies, frequencies and firmware ranks.
CpuDetails read_details(Reader& reader, Topology& topology, const Processor& processor, const CpuidProvider& cpuid);
// Cpu::rank and capacity are set; decides Cpu::kind.
void decide_kinds(Reader& reader, Topology& topology, const CpuDetails& details, const Processor& processor);
void group_llcs(Reader& reader, Topology& topology, const CpuDetails& details);
void group_ccds(Reader& reader, Topology& topology, const CpuDetails& details, const Processor& processor);
// Llc::larger and vcache; kinds are decided.
void find_vcache(Reader& reader, Topology& topology, const CpuDetails& details, const Processor& processor);

// Devices::cxl and cxl_regions.
void read_cxl(Reader& reader, const Topology& topology, Devices& devices);

Cpu* find_cpu(Topology& topology, std::uint32_t id);

inline const std::string kCpuFolder = "sys/devices/system/cpu/";
inline std::string cpu_folder(std::uint32_t cpu) { return kCpuFolder + "cpu" + std::to_string(cpu) + "/"; }
inline std::string cpu_words(const CpuSet& set) { return (set.count() == 1 ? "CPU " : "CPUs ") + set.to_string(); }

}  // namespace vigil::topology
