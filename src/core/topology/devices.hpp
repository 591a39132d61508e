// SPDX-License-Identifier: GPL-2.0-only
//
// Graphics devices, CXL memory and power, as far as scheduling cares.
//
// Read only from files whose values the kernel keeps: no sleeping device is woken to learn that it sleeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_set.hpp"
#include "core/topology/topology.hpp"
#include "core/topology/tree.hpp"

namespace vigil::topology {

enum class PowerState : std::uint8_t { unknown, d0, d3hot, d3cold };
enum class PowerSource : std::uint8_t { unknown, ac, battery };

std::string_view to_string(PowerState state);

struct Gpu {
  std::string address{};              // "0000:01:00.0"
  std::string vendor{};               // nvidia, amd, intel, a maker of display-only chips, or "0x1234"
  std::optional<std::string> driver{};  // nothing: no driver is bound
  std::optional<std::uint32_t> node{};
  std::optional<bool> rebar{};        // all of its memory is in the CPU's reach; nothing where that is no question
  PowerState power = PowerState::unknown;
  bool passthrough = false;           // held for a virtual machine
  bool display_only = false;          // a BMC's or a virtual machine's picture, no processor
  bool virtual_function = false;      // SR-IOV: a share of another one in the list
  std::uint16_t vendor_id = 0, device_id = 0;
  bool operator==(const Gpu&) const = default;
};

// How far and how fast memory is, seen from the nearest CPUs, where firmware or the device says so (HMAT, CDAT).
struct MemorySpeed {
  std::optional<std::uint64_t> read_latency_ns{}, write_latency_ns{}, read_bandwidth_mib{}, write_bandwidth_mib{};
  bool known() const { return read_latency_ns || write_latency_ns || read_bandwidth_mib || write_bandwidth_mib; }
  bool operator==(const MemorySpeed&) const = default;
};

struct CxlMemory {
  std::string name{};                 // "mem0"
  std::optional<std::string> address{};  // of its PCI function
  std::optional<std::uint32_t> node{};  // the memory node it ends in; nothing before it has a region that is online
  std::uint64_t size_bytes = 0, ram_bytes = 0, pmem_bytes = 0;
  // What leads from the device to memory: its decoders that are in use, the regions they make, the dax devices of those.
  std::vector<std::string> decoders{}, regions{}, dax{};
  std::optional<CpuSet> near_cpus{};
  MemorySpeed speed{};
  std::optional<std::string> pmu{};   // the perf event source, if the kernel has a driver for it
  std::vector<std::string> pmus{};    // all of them: a device can have several
  bool operator==(const CxlMemory&) const = default;
};

// A range of addresses, interleaved over one or several devices.
struct CxlRegion {
  std::string name{};                    // "region0"
  std::optional<std::string> mode{};     // "ram", "pmem"
  std::optional<bool> committed{};
  std::uint64_t size_bytes = 0;
  std::uint32_t ways = 0, granularity = 0;  // 0: not told
  std::optional<std::string> window{};   // the root decoder it lies below
  std::vector<std::string> memories{};   // by position; "" where the device is not known
  std::vector<std::string> dax{};
  std::optional<std::uint32_t> node{};   // nothing while none of it is on line
  std::optional<CpuSet> near_cpus{};
  MemorySpeed speed{};
  bool operator==(const CxlRegion&) const = default;
};

struct Power {
  PowerSource source = PowerSource::unknown;
  std::optional<std::string> platform_profile;
  std::optional<std::string> x3d_mode;           // amd_x3d_mode: frequency or cache
  std::optional<std::string> energy_preference;  // of the first CPU's policy
  bool operator==(const Power&) const = default;
};

struct Devices {
  std::vector<Gpu> gpus;
  std::vector<CxlMemory> cxl;
  std::vector<CxlRegion> cxl_regions;
  Power power;
  std::vector<std::string> notes;
  bool operator==(const Devices&) const = default;
};

// `topology` of the same tree: it knows the nodes and which CPUs are near them.
Devices read_devices(const Tree& tree, const Topology& topology);

struct DeviceParts {
  bool gpus = false, cxl = false, power = false;
};
// Reads the named parts anew, and touches no file of the others.
void update_devices(Devices& devices, const Tree& tree, const Topology& topology, DeviceParts parts);

}  // namespace vigil::topology
