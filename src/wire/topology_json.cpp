// SPDX-License-Identifier: GPL-2.0-only
#include "wire/topology_json.hpp"

namespace vigil {

namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json or_null(const std::optional<CpuSet>& set) { return set ? Json(set->to_string()) : Json(nullptr); }

void add_speed(Json& out, const topology::MemorySpeed& speed) {
  out["read_latency_ns"] = or_null(speed.read_latency_ns);
  out["write_latency_ns"] = or_null(speed.write_latency_ns);
  out["read_bandwidth_mib"] = or_null(speed.read_bandwidth_mib);
  out["write_bandwidth_mib"] = or_null(speed.write_bandwidth_mib);
}

Json cxl_json(const topology::CxlMemory& memory) {
  Json out = {{"name", memory.name},
              {"node", or_null(memory.node)},
              {"size_bytes", memory.size_bytes},
              {"near_cpus", or_null(memory.near_cpus)},
              {"pmu", or_null(memory.pmu)},
              {"pmus", memory.pmus},
              {"address", or_null(memory.address)},
              {"ram_bytes", memory.ram_bytes},
              {"pmem_bytes", memory.pmem_bytes},
              {"decoders", memory.decoders},
              {"regions", memory.regions},
              {"dax", memory.dax}};
  add_speed(out, memory.speed);
  return out;
}

Json cxl_json(const topology::CxlRegion& region) {
  Json memories = Json::array();
  for (const auto& name : region.memories) memories.push_back(name.empty() ? Json(nullptr) : Json(name));
  Json out = {{"name", region.name},
              {"mode", or_null(region.mode)},
              {"committed", or_null(region.committed)},
              {"size_bytes", region.size_bytes},
              {"interleave_ways", region.ways ? Json(region.ways) : Json(nullptr)},
              {"interleave_granularity", region.granularity ? Json(region.granularity) : Json(nullptr)},
              {"window", or_null(region.window)},
              {"memories", std::move(memories)},
              {"dax", region.dax},
              {"node", or_null(region.node)},
              {"near_cpus", or_null(region.near_cpus)}};
  add_speed(out, region.speed);
  return out;
}

}  // namespace

Json to_json(const topology::Topology& topology) {
  Json cpus = Json::array(), llcs = Json::array(), ccds = Json::array(), packages = Json::array(), nodes = Json::array();
  for (const auto& cpu : topology.cpus)
    cpus.push_back({{"id", cpu.id},
                    {"online", cpu.online},
                    {"core", or_null(cpu.core)},
                    {"llc", or_null(cpu.llc)},
                    {"ccd", or_null(cpu.ccd)},
                    {"package", or_null(cpu.package)},
                    {"node", or_null(cpu.node)},
                    {"smt_siblings", cpu.core ? Json(topology.cores[*cpu.core].cpus.to_string()) : Json(nullptr)},
                    {"kind", cpu.online ? Json(to_string(cpu.kind)) : Json(nullptr)},
                    {"capacity", or_null(cpu.capacity)},
                    {"rank", or_null(cpu.rank)},
                    {"max_khz", or_null(cpu.max_khz)}});
  for (std::size_t i = 0; i < topology.llcs.size(); ++i) {
    const auto& llc = topology.llcs[i];
    llcs.push_back({{"id", i},
                    {"cpus", llc.cpus.to_string()},
                    {"size_kib", or_null(llc.size_kib)},
                    {"vcache", llc.vcache},
                    {"larger", llc.larger},
                    {"level", llc.level ? Json(llc.level) : Json(nullptr)},
                    {"ccd", llc.ccd},
                    {"package", llc.package}});
  }
  for (std::size_t i = 0; i < topology.ccds.size(); ++i)
    ccds.push_back({{"id", i}, {"cpus", topology.ccds[i].cpus.to_string()}});
  for (const auto& package : topology.packages)
    packages.push_back({{"id", package.id}, {"cpus", package.cpus.to_string()}});
  for (const auto& node : topology.nodes)
    nodes.push_back({{"id", node.id},
                     {"cpus", node.cpus.to_string()},
                     {"mem_total_kib", or_null(node.mem_total_kib)},
                     {"kind", to_string(node.kind)},
                     {"near_cpus", or_null(node.near_cpus)},
                     {"read_latency_ns", or_null(node.read_latency_ns)},
                     {"write_latency_ns", or_null(node.write_latency_ns)},
                     {"read_bandwidth_mib", or_null(node.read_bandwidth_mib)},
                     {"write_bandwidth_mib", or_null(node.write_bandwidth_mib)},
                     {"tier", or_null(node.tier)},
                     {"distances", node.distances.empty() ? Json(nullptr) : Json(node.distances)}});
  return {{"cpus", std::move(cpus)},
          {"cores", topology.cores.size()},
          {"threads_per_core", topology.threads_per_core},
          {"llcs", std::move(llcs)},
          {"ccds", std::move(ccds)},
          {"packages", std::move(packages)},
          {"nodes", std::move(nodes)},
          {"model_name", topology.model_name.empty() ? Json(nullptr) : Json(topology.model_name)},
          {"x3d_mode", or_null(topology.x3d_mode)},
          {"notes", topology.notes}};
}

Json to_json(const topology::Devices& devices) {
  Json gpus = Json::array(), cxl = Json::array(), regions = Json::array();
  for (const auto& gpu : devices.gpus)
    gpus.push_back({{"address", gpu.address},
                    {"vendor", gpu.vendor},
                    {"driver", or_null(gpu.driver)},
                    {"node", or_null(gpu.node)},
                    {"rebar", or_null(gpu.rebar)},
                    {"power", to_string(gpu.power)},
                    {"passthrough", gpu.passthrough},
                    {"display_only", gpu.display_only},
                    {"virtual_function", gpu.virtual_function}});
  for (const auto& memory : devices.cxl) cxl.push_back(cxl_json(memory));
  for (const auto& region : devices.cxl_regions) regions.push_back(cxl_json(region));
  const Json source = devices.power.source == topology::PowerSource::ac        ? Json("ac")
                      : devices.power.source == topology::PowerSource::battery ? Json("battery")
                                                                               : Json(nullptr);
  return {{"gpus", std::move(gpus)},
          {"cxl", std::move(cxl)},
          {"cxl_regions", std::move(regions)},
          {"power", {{"source", source}, {"platform_profile", or_null(devices.power.platform_profile)}, {"x3d_mode", or_null(devices.power.x3d_mode)},
                     {"energy_preference", or_null(devices.power.energy_preference)}}},
          {"notes", devices.notes}};
}

}  // namespace vigil
