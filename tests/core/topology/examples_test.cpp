// SPDX-License-Identifier: GPL-2.0-only
//
// Recorded machines against the answers that a second, independent reader gave for the same trees (*.expected.json).
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/topology/devices.hpp"
#include "core/topology/topology.hpp"
#include "support/machine.hpp"

using namespace vigil;
using namespace vigil::topology;
using nlohmann::json;

namespace {

std::set<std::string> texts(const json& list, const char* key = nullptr) {
  std::set<std::string> out;
  for (const auto& entry : list) out.insert((key ? entry[key] : entry).get<std::string>());
  return out;
}

template <typename Groups>
std::set<std::string> cpus_of(const Groups& groups) {
  std::set<std::string> out;
  for (const auto& group : groups) out.insert(group.cpus.to_string());
  return out;
}

void check_cpus(const Topology& topology, const json& expected) {
  CHECK(topology.online().to_string() == expected["cpus"]["online"]);
  CpuSet offline;
  for (const auto& cpu : topology.cpus)
    if (!cpu.online) offline.add(cpu.id);
  CHECK(offline.to_string() == expected["cpus"]["dirs_not_online"]);
  CHECK(topology.threads_per_core == expected["smt"]["max_threads_per_core"]);
  CHECK(topology.cores.size() == expected["n_cores"]);
  CHECK(cpus_of(topology.cores) == texts(expected["cores"]));
  REQUIRE(topology.packages.size() == expected["packages"].size());
  for (const auto& package : expected["packages"])
    CHECK(std::any_of(topology.packages.begin(), topology.packages.end(), [&](const Package& p) {
      return p.id == package["id"] && p.cpus.to_string() == package["cpus"];
    }));
  // Where the kernel's dies divide a package they are the CCDs.
  if (expected["dies_kernel"].size() > expected["packages"].size())
    CHECK(cpus_of(topology.ccds) == texts(expected["dies_kernel"], "cpus"));
}

void check_caches(const Topology& topology, const json& expected) {
  std::set<std::pair<std::string, std::uint64_t>> l3s, wanted;
  CpuSet without, larger;
  for (const auto& llc : topology.llcs) {
    if (llc.level == 3)
      l3s.emplace(llc.cpus.to_string(), llc.size_kib.value_or(0));
    else
      without = without | llc.cpus;
    if (llc.larger) larger = larger | llc.cpus;
  }
  for (const auto& l3 : expected["l3"]) wanted.emplace(l3["cpus"], l3["size_kb"]);
  CHECK(l3s == wanted);
  CHECK(l3s.size() == expected["n_l3"]);
  CHECK(without.to_string() == expected["cpus_without_l3"]);
  const auto& large = expected["vcache"]["large_l3_cpus"];
  CHECK(larger.to_string() == (large.is_null() ? "" : large.get<std::string>()));
  CHECK(topology.vcache_cpus().to_string() == expected["truth_not_in_tree"]["stacked_l3_cpus"]);
}

void check_nodes(const Topology& topology, const json& expected) {
  REQUIRE(topology.nodes.size() == expected["numa"]["nodes"].size());
  for (const auto& wanted : expected["numa"]["nodes"]) {
    const auto* node = topology.find_node(wanted["id"]);
    REQUIRE(node);
    CHECK(node->cpus.to_string() == wanted["cpus"]);
    CHECK(node->mem_total_kib == wanted["mem_total_kb"].get<std::uint64_t>());
    CHECK(json(node->distances) == wanted["distance"]);
    CHECK((node->kind == NodeKind::dram) == !node->cpus.empty());
    REQUIRE(node->near_cpus);
    CHECK_FALSE(node->near_cpus->empty());
  }
  for (const auto& id : expected["cpuless_nodes"]) CHECK(topology.find_node(id)->cpus.empty());
  if (expected["memory_tiers"].is_object())
    for (const auto& [tier, nodes] : expected["memory_tiers"].items())
      CHECK(topology.find_node(static_cast<std::uint32_t>(std::stoul(nodes.get<std::string>())))->tier == std::stoul(tier));
}

void check_kinds(const Topology& topology, const json& expected) {
  if (expected["p_e"].is_null()) {
    CHECK(topology.cpus_of_kind(CpuKind::uniform) == topology.online());
  } else {
    CHECK(topology.cpus_of_kind(CpuKind::performance).to_string() == expected["p_e"]["P"]);
    CHECK(topology.cpus_of_kind(CpuKind::efficiency).to_string() == expected["p_e"]["E"]);
  }
  const bool ranked = expected["prefcore"].is_object() && expected["prefcore"]["usable"].get<bool>();
  for (const auto& cpu : topology.cpus) {
    CAPTURE(cpu.id);
    if (ranked)
      CHECK(cpu.rank == expected["prefcore"]["rank"][std::to_string(cpu.id)].get<std::uint32_t>());
    else
      CHECK_FALSE(cpu.rank);
  }
  CHECK(topology.x3d_mode.value_or("none") ==
        (expected["amd_x3d_mode"].is_null() ? "none" : expected["amd_x3d_mode"].get<std::string>()));
}

void check_devices(const Devices& devices, const Topology& topology, const json& expected) {
  REQUIRE(devices.gpus.size() == expected["gpus"].size());
  std::size_t compute = 0;
  for (std::size_t i = 0; i < devices.gpus.size(); ++i) {
    CHECK(devices.gpus[i].address == expected["gpus"][i]["bdf"]);
    CHECK_FALSE(devices.gpus[i].node);  // -1 in the only example
    compute += !devices.gpus[i].display_only;
  }
  CHECK(compute == expected["truth_not_in_tree"]["compute_gpus"]);
  REQUIRE(devices.cxl.size() == expected["cxl_mem"].size());
  for (std::size_t i = 0; i < devices.cxl.size(); ++i) {
    const auto& wanted = expected["cxl_mem"][i];
    CHECK(devices.cxl[i].name == wanted["name"]);
    CHECK(devices.cxl[i].size_bytes == wanted["ram_bytes"].get<std::uint64_t>() + wanted["pmem_bytes"].get<std::uint64_t>());
  }
  for (const auto& dax : expected["dax"]) {
    const auto* node = topology.find_node(dax["target_node"]);
    REQUIRE(node);
    CHECK(node->kind == NodeKind::cxl);
    CHECK(std::count_if(devices.cxl.begin(), devices.cxl.end(),
                        [&](const CxlMemory& memory) { return memory.node == node->id; }) == 1);
  }
}

void check_machine(const std::string& name) {
  CAPTURE(name);
  const auto tree = test::load_machine(name);
  const auto expected = json::parse(test::read_whole(test::fixture_path(name + ".expected.json")));
  const auto topology = read_topology(tree);
  check_cpus(topology, expected);
  check_caches(topology, expected);
  check_nodes(topology, expected);
  check_kinds(topology, expected);
  check_devices(read_devices(tree, topology), topology, expected);
}

}  // namespace

TEST_CASE("topology: a Ryzen 9 7900X3D's stacked L3 is under its slower cores, so size and rank disagree") {
  check_machine("ryzen7900x3d");
  const auto topology = read_topology(test::load_machine("ryzen7900x3d"));
  CHECK(topology.notes.empty());
  CHECK(topology.model_name == "AMD Ryzen 9 7900X3D 12-Core Processor");
}

TEST_CASE("topology: an Alder Lake's E-cores share everything but a core with its P-cores; only the PMUs' lists are sure") {
  check_machine("alderlake-4p8e");
}

TEST_CASE("topology: two EPYC 9654 in NPS4 have 24 dies, three in each of eight nodes, and die numbers that go on in the second socket") {
  check_machine("epyc9654-2s-nps4");
  const auto topology = read_topology(test::load_machine("epyc9654-2s-nps4"));
  CHECK(topology.ccds.size() == 24);
  for (const auto& llc : topology.llcs) CHECK(llc.cpus.count() == 16);
}

TEST_CASE("topology: a Xeon with SNC and PMEM has two nodes to an L3, CPU numbers that alternate between sockets, and nodes of an unknown kind") {
  check_machine("xeon2s-snc-pmem2");
  const auto topology = read_topology(test::load_machine("xeon2s-snc-pmem2"));
  CHECK(topology.find_node(4)->near_cpus == topology.find_node(0)->cpus);
  CHECK(topology.find_node(5)->near_cpus == topology.find_node(2)->cpus);
  CHECK(topology.find_node(4)->kind == NodeKind::memory_only);
}

TEST_CASE("topology: a guest with CXL memory has one device that ends in a node and one that ends nowhere") {
  check_machine("qemu-cxl-1node");
  const auto tree = test::load_machine("qemu-cxl-1node");
  const auto topology = read_topology(tree);
  CHECK(topology.find_node(1)->near_cpus->to_string() == "0-3");
  const auto devices = read_devices(tree, topology);
  // The capture has no link from endpoint to device; the devices' own tables (CDAT) tell the two sizes apart.
  CHECK(devices.cxl[0].node == 1);
  CHECK(devices.cxl[0].regions == std::vector<std::string>{"region0"});
  CHECK_FALSE(devices.cxl[1].node);
  CHECK(devices.gpus[0].display_only);
}
