// SPDX-License-Identifier: GPL-2.0-only
//
// Keeps the picture of the machine true: a first look at the start, then one more whenever devices, the kernel or
// firmware announced something, shortly after the burst is over. Only differences are told.
//
//   auto watch = MachineWatch::create(loop, {.sysfs_root = "/sys", .proc_root = "/proc"}, {
//       .device = [](const DeviceEvent& event) { … every announcement, for vigilctl watch … },
//       .topology = [](const Topology& now, const TopologyChanges& changes) { … write what differs … },
//       .devices = [](const Devices& now, const DeviceChanges& changes) { … },
//       .scheduler = [] { … a sched_ext scheduler came or went: look at /sys/kernel/sched_ext … },
//       .modules = [](const std::string& name) { … a driver was loaded … },
//       .settled = [](const Burst& burst) { … all of the above has been told … }});
//
// Only what an announcement casts doubt on is read again: a GPU that comes is no reason to read the caches of 384 CPUs.
// An idle machine costs nothing: no timer runs unless an announcement armed it. The same machine twice is no change
// and no callback but `settled`.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/topology/changes.hpp"
#include "core/topology/device_event.hpp"
#include "core/topology/devices.hpp"
#include "core/topology/topology.hpp"
#include "loop/loop.hpp"

namespace vigil::app {

struct MachineWatchOptions {
  std::string sysfs_root = "/sys";
  std::string proc_root = "/proc";
  // What was announced is in force 100 ms after a burst's last event at the latest. Reading a large machine takes half of
  // that; a burst with longer pauses costs one more look, no more.
  std::chrono::milliseconds quiet{25};      // after the last event of a burst
  std::chrono::milliseconds patience{250};  // after the first
};

// Announcements that were taken together.
struct Burst {
  std::uint64_t events = 0;
  std::uint64_t last_ns = 0;  // CLOCK_MONOTONIC, when the last one arrived; 0: there was none
  topology::Doubt doubt;      // what was read again
  bool changed = false;       // and found different
};

class MachineWatch {
 public:
  struct Callbacks {
    std::function<void(const topology::DeviceEvent&)> device = {};
    std::function<void(const topology::Topology&, const topology::TopologyChanges&)> topology = {};
    std::function<void(const topology::Devices&, const topology::DeviceChanges&)> devices = {};
    std::function<void()> scheduler = {};
    std::function<void(const std::string& module)> modules = {};
    std::function<void(const Burst&)> settled = {};
  };

  // Fails only where the machine cannot be read at all. A captured tree (a sysfs_root that is not /sys) is not
  // followed: it changes only when announce() says so.
  static Result<std::unique_ptr<MachineWatch>> create(loop::Loop& loop, MachineWatchOptions options, Callbacks callbacks);
  virtual ~MachineWatch() = default;

  virtual const topology::Topology& topology() const = 0;
  virtual const topology::Devices& devices() const = 0;
  // Sentences on what is not followed, so what will not be noticed.
  virtual const std::vector<std::string>& degraded() const = 0;
  // As if the source had announced it: for the scheduler's own cpu_online and cpu_offline, and for tests.
  virtual void announce(const topology::DeviceEvent& event) = 0;
  // Another look after a quiet moment, though nothing was announced: what was found does not fit together.
  virtual void look_again(const topology::Doubt& doubt) = 0;
  // Looks taken since the start, the first one included.
  virtual std::uint64_t looks() const = 0;
};

}  // namespace vigil::app
