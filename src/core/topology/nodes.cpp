// SPDX-License-Identifier: GPL-2.0-only
//
// Memory nodes: what they are made of, which CPUs are near, how far and how fast.
#include <algorithm>
#include <limits>
#include <set>

#include "base/text.hpp"
#include "core/topology/parts.hpp"

namespace vigil::topology {

namespace {

const std::string kNodeFolder = "sys/devices/system/node/";
constexpr std::uint32_t kMaxNodes = 1024;  // the kernel's largest MAX_NUMNODES

std::string node_folder(std::uint32_t node) { return kNodeFolder + "node" + std::to_string(node) + "/"; }

// "Node 0 MemTotal:  65536000 kB" and "MemTotal:  65536000 kB".
std::optional<std::uint64_t> mem_total(std::string_view meminfo) {
  for (const auto line : split(meminfo, '\n')) {
    const auto at = line.find("MemTotal:");
    if (at == std::string_view::npos) continue;
    auto value = trim_space(line.substr(at + 9));
    value = value.substr(0, value.find(' '));
    return parse_number<std::uint64_t>(value);
  }
  return std::nullopt;
}

// Node numbers are written like CPU numbers.
std::vector<std::uint32_t> read_node_numbers(Reader& reader) {
  const auto folders = reader.numbered(kNodeFolder.substr(0, kNodeFolder.size() - 1), "node");
  std::set<std::uint32_t> nodes(folders.begin(), folders.end());
  if (const auto* online = reader.cpu_list(kNodeFolder + "online"); online && !online->empty()) {
    for (const auto n : online->to_vector())
      if (!nodes.contains(n)) reader.notes().add("node " + std::to_string(n) + " is online, but has no folder");
    std::erase_if(nodes, [&](std::uint32_t n) { return !online->contains(n); });
  }
  if (std::erase_if(nodes, [](std::uint32_t n) { return n >= kMaxNodes; }))
    reader.notes().add("node numbers from " + std::to_string(kMaxNodes) + " on are not looked at");
  return {nodes.begin(), nodes.end()};
}

void read_distances(Reader& reader, Topology& topology) {
  for (auto& node : topology.nodes) {
    const auto text = reader.text(node_folder(node.id) + "distance");
    if (!text || text->empty()) continue;
    bool good = true;
    for (const auto part : split(*text, ' ')) {
      if (part.empty()) continue;
      const auto value = parse_number<std::uint32_t>(part);
      good = good && value && *value > 0;
      node.distances.push_back(value.value_or(0));
    }
    if (good && node.distances.size() == topology.nodes.size()) continue;
    reader.notes().add("the distances of node " + std::to_string(node.id) + " ('" + printable(text->substr(0, 40)) +
                       "') do not fit " + std::to_string(topology.nodes.size()) + " nodes; taken as unknown");
    node.distances.clear();
  }
}

// What devices say of the nodes they make: kernel device paths contain what stands behind them.
std::map<std::uint32_t, NodeKind> kinds_by_device(Reader& reader, const std::set<std::uint32_t>& cpuless) {
  std::map<std::uint32_t, NodeKind> kinds;
  for (const auto region : reader.numbered("sys/bus/nd/devices", "region"))
    if (const auto node = reader.index("sys/bus/nd/devices/region" + std::to_string(region) + "/target_node"))
      if (cpuless.contains(*node)) kinds[*node] = NodeKind::pmem;

  std::set<std::uint32_t> regions_with_dax;
  for (const auto& name : reader.tree().list("sys/bus/dax/devices")) {
    const auto target = reader.tree().link("sys/bus/dax/devices/" + name).value_or("");
    std::optional<std::uint32_t> cxl_region;
    bool below_decoder = false;
    for (const auto part : split(target, '/')) {
      below_decoder |= part.starts_with("decoder");
      if (below_decoder && part.starts_with("region")) cxl_region = parse_number<std::uint32_t>(part.substr(6));
    }
    if (cxl_region) regions_with_dax.insert(*cxl_region);
    const auto node = reader.index("sys/bus/dax/devices/" + name + "/target_node");
    if (!node || !cpuless.contains(*node)) continue;
    if (cxl_region)
      kinds[*node] = NodeKind::cxl;
    else if (target.find("ndbus") != std::string::npos)
      kinds[*node] = NodeKind::pmem;
  }

  // Regions that firmware made into plain memory have no dax device: find the node that holds their addresses.
  const auto block_bytes = [&]() -> std::uint64_t {
    const auto text = reader.text("sys/devices/system/memory/block_size_bytes");
    return text ? parse_number<std::uint64_t>(*text, 16).value_or(0) : 0;  // hexadecimal without 0x
  };
  for (const auto region : reader.numbered("sys/bus/cxl/devices", "region")) {
    if (regions_with_dax.contains(region)) continue;
    const std::string folder = "sys/bus/cxl/devices/region" + std::to_string(region) + "/";
    const auto start = reader.number(folder + "resource"), size = reader.number(folder + "size");
    const auto block = block_bytes();
    if (!start || !size || !block || *size == 0 || *start > std::numeric_limits<std::uint64_t>::max() - *size) continue;
    for (const auto node : cpuless)
      for (const auto number : reader.numbered(kNodeFolder + "node" + std::to_string(node), "memory"))
        if (number >= *start / block && number <= (*start + *size - 1) / block) kinds[node] = NodeKind::cxl;
  }

  for (const auto& device : reader.tree().list("sys/bus/pci/devices")) {
    const std::string folder = "sys/bus/pci/devices/" + device + "/";
    const auto node = reader.index(folder + "numa_node");
    if (node && cpuless.contains(*node) && reader.text(folder + "class").value_or("").starts_with("0x03"))
      kinds[*node] = NodeKind::gpu;
  }
  // NVIDIA's driver says which node is a GPU's memory where there is such a thing (POWER9, Grace Hopper): there the
  // memory is in use, so the GPU does not sleep and is not woken by being asked.
  if (!cpuless.empty())
    for (const auto& device : reader.tree().list("proc/driver/nvidia/gpus")) {
      const auto text = reader.text("proc/driver/nvidia/gpus/" + device + "/numa_status");
      if (!text) continue;
      for (const auto line : split(*text, '\n')) {
        if (!line.starts_with("Node:")) continue;
        const auto node = parse_number<std::uint32_t>(trim_space(line.substr(5)));
        if (node && cpuless.contains(*node)) kinds[*node] = NodeKind::gpu;
      }
    }
  return kinds;
}

void read_performance(Reader& reader, Node& node, const std::map<std::uint32_t, CpuSet>& cpus_of_node) {
  // access1: the nearest CPUs. access0: the nearest initiator of any kind, which can be a GPU.
  for (const char* access : {"access1", "access0"}) {
    const std::string folder = node_folder(node.id) + access + "/initiators/";
    CpuSet near;
    for (const auto initiator : reader.numbered(folder.substr(0, folder.size() - 1), "node"))
      if (const auto it = cpus_of_node.find(initiator); it != cpus_of_node.end()) near = near | it->second;
    const auto value = [&](const char* name) {
      const auto number = reader.number(folder + name);
      return number == 0 ? std::nullopt : number;
    };
    if (near.empty()) continue;
    node.near_cpus = std::move(near);
    node.read_latency_ns = value("read_latency");
    node.write_latency_ns = value("write_latency");
    node.read_bandwidth_mib = value("read_bandwidth");
    node.write_bandwidth_mib = value("write_bandwidth");
    return;
  }
}

void find_near_by_distance(Topology& topology, Node& node) {
  std::uint32_t nearest = std::numeric_limits<std::uint32_t>::max();
  CpuSet near;
  for (std::size_t i = 0; i < topology.nodes.size(); ++i) {
    const auto& other = topology.nodes[i];
    if (other.cpus.empty()) continue;
    std::uint32_t distance = 0;
    if (!node.distances.empty()) {
      distance = node.distances[i];
    } else if (!other.distances.empty()) {
      distance = other.distances[static_cast<std::size_t>(&node - topology.nodes.data())];
    } else {
      return;
    }
    if (distance < nearest) near = CpuSet();
    if (distance <= nearest) near = near | other.cpus;
    nearest = std::min(nearest, distance);
  }
  if (!near.empty()) node.near_cpus = std::move(near);
}

// Of the memory that the same CPUs have for their own.
std::uint64_t dram_bandwidth(const Topology& topology, const CpuSet& near) {
  std::uint64_t bandwidth = 0;
  for (const auto& node : topology.nodes)
    if (node.cpus.intersects(near)) bandwidth = std::max(bandwidth, node.read_bandwidth_mib.value_or(0));
  return bandwidth;
}

}  // namespace

void read_nodes(Reader& reader, Topology& topology, const Processor& processor) {
  const CpuSet online = topology.online();
  CpuSet placed;
  for (const auto id : read_node_numbers(reader)) {
    Node node{.id = id};
    if (const auto* cpus = reader.cpu_list(node_folder(id) + "cpulist", node_folder(id) + "cpumap")) node.cpus = *cpus & online;
    if (node.cpus.intersects(placed)) {
      reader.notes().add(cpu_words(node.cpus & placed) + " are in two nodes; taken for the lower one");
      node.cpus = node.cpus - placed;
    }
    placed = placed | node.cpus;
    if (const auto meminfo = reader.text(node_folder(id) + "meminfo")) {
      node.mem_total_kib = mem_total(*meminfo);
      if (!node.mem_total_kib) reader.notes().add("the memory of node " + std::to_string(id) + " is not told in its meminfo");
    }
    topology.nodes.push_back(std::move(node));
  }
  if (topology.nodes.empty() && !online.empty()) {
    Node node{.cpus = online};
    if (const auto meminfo = reader.text("proc/meminfo")) node.mem_total_kib = mem_total(*meminfo);
    topology.nodes.push_back(std::move(node));
    placed = online;
    reader.notes().add("the kernel tells no memory nodes; everything is taken as node 0");
  }
  // CPUs that no node lists: their own link, or the only node there is.
  CpuSet unplaced;
  for (const auto id : (online - placed).to_vector()) {
    auto linked = reader.numbered(cpu_folder(id).substr(0, cpu_folder(id).size() - 1), "node");
    if (linked.size() == 1) find_cpu(topology, id)->node = linked[0];  // the kernel's number, online or not
    Node* home = nullptr;
    for (auto& node : topology.nodes)
      if ((linked.size() == 1 && node.id == linked[0]) || (linked.empty() && topology.nodes.size() == 1)) home = &node;
    if (home)
      home->cpus.add(id);
    else
      unplaced.add(id);
  }
  if (!unplaced.empty()) reader.notes().add("no node that is online lists " + cpu_words(unplaced));
  read_distances(reader, topology);

  std::map<std::uint32_t, CpuSet> cpus_of_node;
  std::set<std::uint32_t> cpuless;
  for (const auto& node : topology.nodes) {
    if (node.cpus.empty())
      cpuless.insert(node.id);
    else
      cpus_of_node[node.id] = node.cpus;
    for (const auto id : node.cpus.to_vector()) find_cpu(topology, id)->node = node.id;
  }
  for (auto& cpu : topology.cpus) {
    if (cpu.online) continue;
    const auto linked = reader.numbered(cpu_folder(cpu.id).substr(0, cpu_folder(cpu.id).size() - 1), "node");
    if (linked.size() == 1) cpu.node = linked[0];
  }

  for (const auto tier : reader.numbered("sys/devices/virtual/memory_tiering", "memory_tier"))
    if (const auto* members =
            reader.cpu_list("sys/devices/virtual/memory_tiering/memory_tier" + std::to_string(tier) + "/nodelist"))
      for (auto& node : topology.nodes)
        if (members->contains(node.id)) node.tier = tier;

  for (auto& node : topology.nodes) {
    read_performance(reader, node, cpus_of_node);
    if (!node.cpus.empty())
      node.near_cpus = node.cpus;
    else if (!node.near_cpus)
      find_near_by_distance(topology, node);
    if (!node.near_cpus && !online.empty())
      reader.notes().add("nothing tells which CPUs are near node " + std::to_string(node.id));
  }
  if (cpuless.empty()) return;

  const auto by_device = kinds_by_device(reader, cpuless);
  const bool xeon_phi = processor.vendor == Vendor::intel && processor.family == 6 &&
                        (processor.model == 0x57 || processor.model == 0x85);
  const bool has_hbm = xeon_phi || processor.name.find("Xeon(R) CPU Max") != std::string::npos;
  for (auto& node : topology.nodes) {
    if (!cpuless.contains(node.id)) continue;
    const std::string name = "node " + std::to_string(node.id);
    const auto dram = dram_bandwidth(topology, node.near_cpus.value_or(CpuSet()));
    if (const auto it = by_device.find(node.id); it != by_device.end()) {
      node.kind = it->second;
    } else if (dram && node.read_bandwidth_mib && *node.read_bandwidth_mib * 2 >= dram * 3) {
      node.kind = NodeKind::hbm;
      reader.notes().add(name + " is taken as HBM: it has no CPUs, and firmware says it is much faster than the DRAM");
    } else if (has_hbm) {
      node.kind = NodeKind::hbm;
      reader.notes().add(name + " is taken as HBM: it has no CPUs, and this processor comes with HBM");
    } else {
      node.kind = NodeKind::memory_only;
      reader.notes().add(name + " has no CPUs and nothing tells what it is made of; treated as memory farther away");
    }
  }
}

}  // namespace vigil::topology
