// SPDX-License-Identifier: GPL-2.0-only
//
// CXL memory from the device to the node it ends in: device ← endpoint ← decoder ← region → dax device → node.
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "base/text.hpp"
#include "core/topology/parts.hpp"

namespace vigil::topology {

namespace {

const std::string kBus = "sys/bus/cxl/devices/";
constexpr std::uint64_t kMaxWays = 16;  // what CXL 3 allows

// A component of a device path: "…/endpoint2/decoder2.0" holds the endpoint 2.
std::optional<std::uint32_t> number_in_path(std::string_view path, std::string_view name) {
  std::optional<std::uint32_t> found;
  for (const auto part : split(path, '/'))
    if (part.starts_with(name))
      if (const auto n = parse_number<std::uint32_t>(part.substr(name.size()))) found = n;
  return found;
}

// What stands before the last component: "…/0000:0e:00.0/mem0" is below 0000:0e:00.0.
std::string parent_in_path(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : printable(base_name(path.substr(0, slash)));
}

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

// What the device's own table (CDAT) says its memory amounts to: the lengths of its DSMAS entries. 0: no table.
std::uint64_t cdat_memory_bytes(std::string_view cdat) {
  constexpr std::size_t kHeader = 16, kDsmas = 24;
  std::uint64_t bytes = 0;
  for (std::size_t at = kHeader; at + 4 <= cdat.size();) {
    const auto length = static_cast<std::size_t>(little_endian(cdat.substr(at + 2, 2)));
    if (length < 4 || at + length > cdat.size()) break;
    if (cdat[at] == 0 && length >= kDsmas) bytes += little_endian(cdat.substr(at + 16, 8));
    at += length;
  }
  return bytes;
}

std::vector<CxlMemory> read_memories(Reader& reader) {
  std::vector<CxlMemory> out;
  const auto pmus = reader.tree().list("sys/bus/event_source/devices");
  for (const auto number : reader.numbered("sys/bus/cxl/devices", "mem")) {
    CxlMemory memory{.name = "mem" + std::to_string(number)};
    const std::string folder = kBus + memory.name + "/";
    memory.ram_bytes = reader.number(folder + "ram/size").value_or(0);
    memory.pmem_bytes = reader.number(folder + "pmem/size").value_or(0);
    memory.size_bytes = memory.ram_bytes + memory.pmem_bytes;
    if (const auto target = reader.tree().link(kBus + memory.name))
      if (auto address = parent_in_path(*target); address.find(':') != std::string::npos) memory.address = std::move(address);
    const std::string prefix = "cxl_pmu_" + memory.name + ".";
    for (const auto& pmu : pmus)
      if (pmu.starts_with(prefix)) memory.pmus.push_back(printable(pmu));
    if (!memory.pmus.empty()) memory.pmu = memory.pmus.front();
    out.push_back(std::move(memory));
  }
  return out;
}

// The memory device behind each endpoint port.
std::map<std::uint32_t, std::string> read_endpoints(Reader& reader, const std::vector<CxlMemory>& memories) {
  std::map<std::uint32_t, std::string> out;
  std::vector<std::uint32_t> unlinked;
  for (const auto endpoint : reader.numbered("sys/bus/cxl/devices", "endpoint")) {
    if (auto memory = reader.link_name(kBus + "endpoint" + std::to_string(endpoint) + "/uport"))
      out[endpoint] = printable(*memory);
    else
      unlinked.push_back(endpoint);
  }
  // A tree without those links (a capture): by the size the device tells of itself, or as the only one left.
  for (const auto endpoint : unlinked) {
    std::vector<const CxlMemory*> candidates;
    const auto cdat = reader.tree().read(kBus + "endpoint" + std::to_string(endpoint) + "/CDAT").value_or("");
    const auto bytes = cdat_memory_bytes(cdat);
    for (const auto& memory : memories)
      if (bytes ? memory.size_bytes == bytes : unlinked.size() == 1 && memories.size() == 1) candidates.push_back(&memory);
    if (candidates.size() == 1) out[endpoint] = candidates[0]->name;
  }
  return out;
}

// access1 is the nearest CPU, access0 the nearest initiator of any kind.
MemorySpeed region_speed(Reader& reader, const std::string& folder) {
  MemorySpeed speed;
  for (const std::string access : {"access1/", "access0/"}) {
    const auto value = [&](const char* name) {
      const auto number = reader.number(folder + access + name);
      return number == 0 ? std::nullopt : number;
    };
    speed = {value("read_latency"), value("write_latency"), value("read_bandwidth"), value("write_bandwidth")};
    if (speed.known()) break;
  }
  return speed;
}

bool has_memory(const Node& node) { return node.mem_total_kib != 0; }

// The node whose memory blocks lie in the region, where there is no dax device to name one: firmware made it plain memory.
std::optional<std::uint32_t> node_by_address(Reader& reader, const Topology& topology, const std::string& folder, std::uint64_t size) {
  const auto start = reader.number(folder + "resource").value_or(0);
  const auto block_text = reader.text("sys/devices/system/memory/block_size_bytes").value_or("");
  const auto block = parse_number<std::uint64_t>(block_text, 16).value_or(0);  // hexadecimal without 0x
  if (!start || !size || !block || size > std::numeric_limits<std::uint64_t>::max() - start) return std::nullopt;
  for (const auto& node : topology.nodes)
    for (const auto number : reader.numbered("sys/devices/system/node/node" + std::to_string(node.id), "memory"))
      if (number >= start / block && number <= (start + size - 1) / block) return node.id;
  return std::nullopt;
}

CxlRegion read_region(Reader& reader, std::uint32_t number, std::map<std::string, std::vector<std::string>>& decoders_of_memory,
                      const std::map<std::uint32_t, std::string>& endpoints) {
  CxlRegion region{.name = "region" + std::to_string(number)};
  const std::string folder = kBus + region.name + "/";
  if (const auto mode = reader.text(folder + "mode"); mode && !mode->empty()) region.mode = printable(*mode);
  if (const auto commit = reader.number(folder + "commit")) region.committed = *commit != 0;
  region.size_bytes = reader.number(folder + "size").value_or(0);
  region.ways = reader.small_number(folder + "interleave_ways").value_or(0);
  region.granularity = reader.small_number(folder + "interleave_granularity").value_or(0);
  if (const auto target = reader.tree().link(kBus + region.name))
    if (auto window = parent_in_path(*target); window.starts_with("decoder")) region.window = std::move(window);
  region.speed = region_speed(reader, folder);

  const auto ways = std::clamp<std::uint64_t>(region.ways, 1, kMaxWays);
  for (std::uint64_t i = 0; i < ways; ++i) {
    const auto decoder = reader.text(folder + "target" + std::to_string(i));
    if (!decoder || !decoder->starts_with("decoder")) continue;
    auto endpoint = number_in_path(reader.tree().link(kBus + *decoder).value_or(""), "endpoint");
    // Endpoint decoders are numbered by their port, too: decoder2.0 is endpoint2's.
    if (!endpoint) endpoint = parse_number<std::uint32_t>(decoder->substr(7, decoder->find('.') - 7));
    const auto memory = endpoint ? endpoints.find(*endpoint) : endpoints.end();
    region.memories.push_back(memory == endpoints.end() ? "" : memory->second);
    if (memory != endpoints.end()) decoders_of_memory[memory->second].push_back(printable(*decoder));
  }
  return region;
}

void add_dax(Reader& reader, const Topology& topology, std::vector<CxlRegion>& regions) {
  for (const auto& name : reader.tree().list("sys/bus/dax/devices")) {
    const auto number = number_in_path(reader.tree().link("sys/bus/dax/devices/" + name).value_or(""), "region");
    if (!number) continue;
    const auto region = std::find_if(regions.begin(), regions.end(),
                                     [&](const CxlRegion& r) { return r.name == "region" + std::to_string(*number); });
    if (region == regions.end()) continue;
    region->dax.push_back(printable(name));
    const auto target = reader.index("sys/bus/dax/devices/" + name + "/target_node");
    if (const auto* node = target ? topology.find_node(*target) : nullptr; node && has_memory(*node)) region->node = node->id;
  }
}

}  // namespace

void read_cxl(Reader& reader, const Topology& topology, Devices& devices) {
  devices.cxl = read_memories(reader);
  devices.cxl_regions.clear();
  const auto endpoints = read_endpoints(reader, devices.cxl);
  std::map<std::string, std::vector<std::string>> decoders_of_memory;
  for (const auto number : reader.numbered("sys/bus/cxl/devices", "region"))
    devices.cxl_regions.push_back(read_region(reader, number, decoders_of_memory, endpoints));
  add_dax(reader, topology, devices.cxl_regions);

  for (auto& region : devices.cxl_regions) {
    if (region.dax.empty() && !region.node) region.node = node_by_address(reader, topology, kBus + region.name + "/", region.size_bytes);
    const auto* node = region.node ? topology.find_node(*region.node) : nullptr;
    if (!node) continue;
    region.near_cpus = node->near_cpus;
    if (!region.speed.known())
      region.speed = {node->read_latency_ns, node->write_latency_ns, node->read_bandwidth_mib, node->write_bandwidth_mib};
  }
  for (auto& memory : devices.cxl) {
    memory.decoders = decoders_of_memory[memory.name];
    for (const auto& region : devices.cxl_regions) {
      if (std::find(region.memories.begin(), region.memories.end(), memory.name) == region.memories.end()) continue;
      memory.regions.push_back(region.name);
      memory.dax.insert(memory.dax.end(), region.dax.begin(), region.dax.end());
      if (!memory.node) memory.node = region.node;
      if (!memory.speed.known()) memory.speed = region.speed;
    }
    // Near the node it ends in, or else near the slot it is in.
    auto near = memory.node;
    if (!near) near = reader.index(kBus + memory.name + "/numa_node");
    if (const auto* node = near ? topology.find_node(*near) : nullptr) memory.near_cpus = node->near_cpus;
  }
}

}  // namespace vigil::topology
