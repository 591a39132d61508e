// SPDX-License-Identifier: GPL-2.0-only
//
// What is different between two looks at the machine: the least that has to be written anew, and a sentence for people
// on each thing that came, went or changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cpu_set.hpp"
#include "core/topology/devices.hpp"
#include "core/topology/topology.hpp"

namespace vigil::topology {

struct TopologyChanges {
  CpuSet came, went;   // on line, off line
  CpuSet changed;      // on line before and after, but not the same: LLC, kind, rank, node, …
  bool llcs = false;   // their number, members, size or V-Cache
  bool nodes = false;
  std::vector<std::string> sentences;

  bool none() const { return came.empty() && went.empty() && changed.empty() && !llcs && !nodes; }
};

TopologyChanges diff(const Topology& before, const Topology& after);

struct DeviceChanges {
  bool gpus = false, cxl = false, power = false;
  std::vector<std::string> sentences;

  bool none() const { return !gpus && !cxl && !power; }
};

DeviceChanges diff(const Devices& before, const Devices& after);

}  // namespace vigil::topology
