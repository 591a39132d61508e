// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/changes.hpp"

#include <algorithm>

namespace vigil::topology {

namespace {

// Indices of cores, LLCs and CCDs move when a CPU before them leaves. What a CPU *is* does not: compare members.
bool same_cpu(const Topology& before, const Cpu& a, const Topology& after, const Cpu& b) {
  const auto same_index = [](const Cpu& x, const Cpu& y) {
    return x.package == y.package && x.node == y.node && x.kind == y.kind && x.capacity == y.capacity && x.rank == y.rank &&
           x.core == y.core && x.llc == y.llc && x.ccd == y.ccd;
  };
  return same_index(a, b) && before.cores[*a.core] == after.cores[*b.core];
}

std::string words(const CpuSet& set) { return (set.count() == 1 ? "CPU " : "CPUs ") + set.to_string(); }

template <typename T, typename Key>
const T* find(const std::vector<T>& list, const T& wanted, Key key) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const T& entry) { return key(entry) == key(wanted); });
  return it == list.end() ? nullptr : &*it;
}

}  // namespace

TopologyChanges diff(const Topology& before, const Topology& after) {
  TopologyChanges changes;
  const CpuSet was = before.online(), is = after.online();
  changes.came = is - was;
  changes.went = was - is;
  CpuSet reranked;
  for (const auto id : (is & was).to_vector()) {
    const auto &a = *before.find_cpu(id), &b = *after.find_cpu(id);
    if (!same_cpu(before, a, after, b)) changes.changed.add(id);
    if (a.rank != b.rank) reranked.add(id);
  }
  changes.llcs = before.llcs != after.llcs;
  changes.nodes = before.nodes != after.nodes;

  auto& say = changes.sentences;
  if (!changes.came.empty()) say.push_back(words(changes.came) + " came on line");
  if (!changes.went.empty()) say.push_back(words(changes.went) + " went off line");
  if (!reranked.empty()) say.push_back("firmware ranks " + words(reranked) + " anew");
  if (before.x3d_mode != after.x3d_mode)
    say.push_back("the X3D mode is now " + after.x3d_mode.value_or("unknown") + ", it was " + before.x3d_mode.value_or("unknown"));
  if (before.vcache_cpus() != after.vcache_cpus()) say.push_back("V-Cache is now on CPUs " + after.vcache_cpus().to_string());
  const auto id_of = [](const Node& node) { return node.id; };
  for (const auto& node : after.nodes) {
    const std::string name = "node " + std::to_string(node.id) + " (" + std::string(to_string(node.kind)) + ")";
    const auto* old = find(before.nodes, node, id_of);
    if (!old)
      say.push_back(name + " came");
    else if (old->mem_total_kib != node.mem_total_kib)
      say.push_back("the memory of " + name + " changed");
  }
  for (const auto& node : before.nodes)
    if (!find(after.nodes, node, id_of)) say.push_back("node " + std::to_string(node.id) + " is gone");
  return changes;
}

DeviceChanges diff(const Devices& before, const Devices& after) {
  DeviceChanges changes;
  changes.gpus = before.gpus != after.gpus;
  changes.cxl = before.cxl != after.cxl || before.cxl_regions != after.cxl_regions;
  changes.power = before.power != after.power;
  auto& say = changes.sentences;
  const auto address_of = [](const Gpu& gpu) { return gpu.address; };
  for (const auto& gpu : after.gpus) {
    const std::string name = (gpu.display_only ? "the display device " : "the GPU ") + gpu.address;
    const auto* old = find(before.gpus, gpu, address_of);
    if (!old) {
      say.push_back(name + " (" + gpu.vendor + ") came");
    } else {
      if (old->passthrough != gpu.passthrough)
        say.push_back(name + (gpu.passthrough ? " is now held for a virtual machine" : " is back from virtual machines"));
      else if (old->driver != gpu.driver)
        say.push_back(name + (gpu.driver ? " is now driven by " + *gpu.driver : " has lost its driver"));
    }
  }
  for (const auto& gpu : before.gpus)
    if (!find(after.gpus, gpu, address_of)) say.push_back((gpu.display_only ? "the display device " : "the GPU ") + gpu.address + " is gone");
  const auto name_of = [](const CxlMemory& memory) { return memory.name; };
  for (const auto& memory : after.cxl) {
    const auto* old = find(before.cxl, memory, name_of);
    if (!old)
      say.push_back("the CXL memory " + memory.name + " came");
    else if (old->node != memory.node)
      say.push_back("the CXL memory " + memory.name +
                    (memory.node ? " is now in node " + std::to_string(*memory.node) : " is in no node any more"));
  }
  for (const auto& memory : before.cxl)
    if (!find(after.cxl, memory, name_of)) say.push_back("the CXL memory " + memory.name + " is gone");
  if (before.power.source != after.power.source && after.power.source != PowerSource::unknown)
    say.push_back(after.power.source == PowerSource::ac ? "power is from the mains" : "power is from the battery");
  if (before.power.platform_profile != after.power.platform_profile)
    say.push_back("the platform profile is now " + after.power.platform_profile.value_or("unknown"));
  return changes;
}

}  // namespace vigil::topology
