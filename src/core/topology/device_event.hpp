// SPDX-License-Identifier: GPL-2.0-only
//
// Something about the machine may have changed. Only ever a hint: what is true is what a fresh read says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vigil::topology {

struct DeviceEvent {
  std::string subsystem;  // the kernel's: pci, drm, cpu, power_supply, …; "acpi" and "thermal" for firmware's word
  std::string action;     // add, remove, bind, unbind, change, online, offline; "overrun": some were lost
  std::string name;       // "0000:01:00.0", "cpu3"
  std::string detail;     // a driver, a scheduler's name, a firmware event's number
  bool operator==(const DeviceEvent&) const = default;
};

// Which parts of the picture an event casts doubt on.
struct Doubt {
  bool topology = false;   // CPUs, caches, ranks, nodes
  bool gpus = false;
  bool cxl = false;
  bool power = false;
  bool scheduler = false;  // a sched_ext scheduler came or went
  bool modules = false;    // a driver came that optional BPF programs wait for

  bool devices() const { return gpus || cxl || power; }
  bool any() const { return topology || devices() || scheduler || modules; }
  Doubt& operator|=(const Doubt& other);
  bool operator==(const Doubt&) const = default;
};

Doubt doubt_of(const DeviceEvent& event);

// The subsystems whose events can cast doubt; for filters in the kernel.
const std::vector<std::string>& watched_subsystems();

// Gathers a burst of events into one look at the machine: `quiet` after the last one, but not later than `patience`
// after the first, so that a device that flaps for ever does not put the look off for ever.
class Gatherer {
 public:
  Gatherer(std::uint64_t quiet_ns, std::uint64_t patience_ns) : quiet_ns_(quiet_ns), patience_ns_(patience_ns) {}

  // When to look, in the same clock; later events move it.
  std::uint64_t add(const Doubt& doubt, std::uint64_t now_ns);
  bool pending() const { return doubt_.any(); }
  std::uint64_t due_ns() const { return due_ns_; }
  // What to look at; nothing is pending after it.
  Doubt take();

 private:
  std::uint64_t quiet_ns_, patience_ns_;
  std::uint64_t first_ns_ = 0, due_ns_ = 0;
  Doubt doubt_;
};

}  // namespace vigil::topology
