// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/device_event.hpp"

#include <algorithm>

namespace vigil::topology {

Doubt& Doubt::operator|=(const Doubt& other) {
  topology |= other.topology;
  gpus |= other.gpus;
  cxl |= other.cxl;
  power |= other.power;
  scheduler |= other.scheduler;
  modules |= other.modules;
  return *this;
}

Doubt doubt_of(const DeviceEvent& event) {
  if (event.action == "overrun")
    return {.topology = true, .gpus = true, .cxl = true, .power = true, .scheduler = true, .modules = true};
  const auto& subsystem = event.subsystem;
  if (subsystem == "cpu" || subsystem == "nd") return {.topology = true};
  // What ends in a memory node changes both: a CXL device is in the node that its memory is on line in.
  if (subsystem == "node" || subsystem == "memory" || subsystem == "memory_tiering" || subsystem == "cxl" || subsystem == "dax")
    return {.topology = true, .cxl = true};
  if (subsystem == "pci" || subsystem == "drm") return {.gpus = true};
  if (subsystem == "power_supply" || subsystem == "platform_profile") return {.power = true};
  if (subsystem == "sched_ext") return {.scheduler = true};
  if (subsystem == "module") return {.modules = true};
  // Firmware: 0x85 is "highest performance changed": cores are ranked anew (an X3D's mode, too). 0x80 on a processor
  // is a lower limit for a while, no other rank.
  if (subsystem == "acpi") {
    if (event.name.starts_with("processor")) return {.topology = event.detail == "0x85"};
    return {.power = event.name.starts_with("ac_adapter") || event.name.starts_with("battery")};
  }
  if (subsystem == "thermal") return {.topology = event.action == "cpu_capability"};
  return {};
}

const std::vector<std::string>& watched_subsystems() {
  static const std::vector<std::string> names = {"cpu", "node", "memory", "memory_tiering", "cxl", "dax",   "nd",
                                                 "pci", "drm",  "power_supply", "sched_ext", "module"};
  return names;
}

std::uint64_t Gatherer::add(const Doubt& doubt, std::uint64_t now_ns) {
  if (!doubt.any()) return due_ns_;
  if (!doubt_.any()) first_ns_ = now_ns;
  doubt_ |= doubt;
  due_ns_ = std::min(now_ns + quiet_ns_, first_ns_ + patience_ns_);
  return due_ns_;
}

Doubt Gatherer::take() {
  const Doubt doubt = doubt_;
  doubt_ = {};
  return doubt;
}

}  // namespace vigil::topology
