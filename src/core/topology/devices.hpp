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

struct CxlMemory {
  std::string name{};                 // "mem0"
  std::optional<std::uint32_t> node{};  // the memory node it ends in; nothing before it has a region that is online
  std::vector<std::string> regions{};
  std::uint64_t size_bytes = 0;
  std::optional<CpuSet> near_cpus{};
  std::optional<std::string> pmu{};   // the perf event source, if the kernel has a driver for it
  bool operator==(const CxlMemory&) const = default;
};

struct Power {
  PowerSource source = PowerSource::unknown;
  std::optional<std::string> platform_profile;
  bool operator==(const Power&) const = default;
};

struct Devices {
  std::vector<Gpu> gpus;
  std::vector<CxlMemory> cxl;
  Power power;
  std::vector<std::string> notes;
  bool operator==(const Devices&) const = default;
};

// `topology` of the same tree: it knows the nodes and which CPUs are near them.
Devices read_devices(const Tree& tree, const Topology& topology);

}  // namespace vigil::topology
