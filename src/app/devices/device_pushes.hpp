// SPDX-License-Identifier: GPL-2.0-only
//
// What graphics devices do, told by the kernel in passing: when one falls asleep or wakes. Nothing is read for it, so that a
// sleeping device sleeps on, and the daemon with it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/topology/devices.hpp"
#include "edge/kernel/device_programs.hpp"
#include "loop/loop.hpp"
#include "loop/watch.hpp"

namespace vigil::app {

class DevicePushes {
 public:
  struct Callbacks {
    std::function<void(const PowerPush&)> power = {};
    std::function<void(const OpenedPush&)> opened = {};
  };

  DevicePushes(loop::Loop& loop, Callbacks callbacks);

  // Whose transitions are told from now on: all GPUs of the list. The program is loaded with the first of them.
  void watch_gpus(const std::vector<topology::Gpu>& gpus);
  // Which device nodes' users are told; none: the program is not loaded.
  void watch_nodes(const std::vector<WatchedNode>& nodes);

  // By address: the last transition told. What was before it only sysfs knows.
  struct Power {
    bool suspended = false;
    std::uint64_t since_ns = 0;
  };
  const std::map<std::string, Power>& power() const { return power_; }
  // Sentences on what is not told here.
  std::vector<std::string> degraded() const;

 private:
  void listen(loop::Watch& watch, int fd);
  void drain();

  loop::Loop& loop_;
  Callbacks callbacks_;
  DevicePrograms programs_;
  std::vector<std::string> watched_;
  std::map<std::string, Power> power_;
  std::string no_power_, no_opens_;
  loop::Watch power_watch_, opens_watch_;  // after the programs, which own the descriptors
};

}  // namespace vigil::app
