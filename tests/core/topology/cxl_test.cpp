// SPDX-License-Identifier: GPL-2.0-only
//
// CXL memory on its way from device to node: a recorded guest, and an invented server that has everything.
#include <doctest/doctest.h>

#include <algorithm>

#include "core/topology/devices.hpp"
#include "support/machine.hpp"

using namespace vigil;
using namespace vigil::topology;
using Names = std::vector<std::string>;

namespace {

Devices devices_of(const Tree& tree) { return read_devices(tree, read_topology(tree)); }

const CxlMemory& memory(const Devices& devices, const std::string& name) {
  const auto it = std::find_if(devices.cxl.begin(), devices.cxl.end(), [&](const CxlMemory& m) { return m.name == name; });
  REQUIRE(it != devices.cxl.end());
  return *it;
}

}  // namespace

TEST_CASE("cxl: a guest's device is followed from its PCI function to its node") {
  const auto devices = devices_of(test::load_machine("qemu-cxl-1node"));
  const auto& mem0 = memory(devices, "mem0");
  CHECK(mem0.address == "0000:0e:00.0");
  CHECK(mem0.decoders == Names{"decoder2.0"});
  CHECK(mem0.regions == Names{"region0"});
  CHECK(mem0.dax == Names{"dax0.0"});
  CHECK(mem0.node == 1);
  CHECK_FALSE(mem0.speed.known());
  const auto& mem1 = memory(devices, "mem1");
  CHECK(mem1.address == "0000:0d:00.0");
  CHECK(mem1.decoders.empty());
  CHECK_FALSE(mem1.node);
  REQUIRE(devices.cxl_regions.size() == 1);
  const auto& region = devices.cxl_regions[0];
  CHECK(region.mode == "ram");
  CHECK(region.committed == true);
  CHECK(region.size_bytes == 0x10000000);
  CHECK(region.window == "decoder0.0");
  CHECK(region.memories == Names{"mem0"});
  CHECK(region.near_cpus->to_string() == "0-3");
}

TEST_CASE("cxl: a server with interleaved, persistent, firmware-made and unused memory") {
  const auto tree = test::load_machine("cxl-server");
  const auto topology = read_topology(tree);
  const auto devices = read_devices(tree, topology);
  CHECK(devices.notes.empty());
  REQUIRE(devices.cxl.size() == 5);
  REQUIRE(devices.cxl_regions.size() == 3);

  SUBCASE("two devices, one in each socket, make one region in one node, with the region's own speed") {
    for (const char* name : {"mem0", "mem1"}) {
      CAPTURE(name);
      CHECK(memory(devices, name).node == 2);
      CHECK(memory(devices, name).regions == Names{"region0"});
      CHECK(memory(devices, name).dax == Names{"dax0.0"});
      CHECK(memory(devices, name).speed.read_latency_ns == 280);
    }
    const auto& region = devices.cxl_regions[0];
    CHECK(region.ways == 2);
    CHECK(region.granularity == 256);
    CHECK(region.memories == Names{"mem1", "mem0"});  // by position, not by number
    CHECK(region.speed.write_bandwidth_mib == 48000);
    CHECK(topology.find_node(2)->kind == NodeKind::cxl);
    CHECK(topology.find_node(2)->near_cpus->to_string() == "0-7");
  }
  SUBCASE("what firmware made plain memory has no dax device; its node is found by address, its speed told by the node") {
    const auto& mem2 = memory(devices, "mem2");
    CHECK(mem2.node == 3);
    CHECK(mem2.dax.empty());
    CHECK(mem2.near_cpus->to_string() == "4-7");
    CHECK(mem2.speed.read_latency_ns == 210);
    CHECK(mem2.speed.read_bandwidth_mib == 30000);
    CHECK(topology.find_node(3)->kind == NodeKind::cxl);
  }
  SUBCASE("persistent memory as a file system's device is in no node") {
    const auto& mem3 = memory(devices, "mem3");
    CHECK(mem3.pmem_bytes == 64ULL << 30);
    CHECK(mem3.ram_bytes == 0);
    CHECK(mem3.regions == Names{"region2"});
    CHECK_FALSE(mem3.node);
    CHECK(devices.cxl_regions[2].mode == "pmem");
  }
  SUBCASE("a device without a region is near the slot it is in, and its PMUs are named") {
    const auto& mem4 = memory(devices, "mem4");
    CHECK(mem4.decoders.empty());
    CHECK_FALSE(mem4.node);
    CHECK(mem4.near_cpus->to_string() == "4-7");
    CHECK(mem4.pmus == Names{"cxl_pmu_mem4.0", "cxl_pmu_mem4.1"});
    CHECK(mem4.pmu == "cxl_pmu_mem4.0");
    CHECK_FALSE(memory(devices, "mem3").pmu);
  }
}

TEST_CASE("cxl: memory that was taken off line is in no node, though its dax device still names one") {
  auto tree = test::load_machine("qemu-cxl-1node");
  tree.add_file("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:              0 kB\n");
  const auto devices = devices_of(tree);
  CHECK_FALSE(memory(devices, "mem0").node);
  CHECK(memory(devices, "mem0").regions == Names{"region0"});
}

TEST_CASE("cxl: a region that names decoders of nobody, of everybody, or more than there can be is read all the same") {
  auto tree = test::load_machine("qemu-cxl-1node");
  const std::string region = "sys/devices/platform/ACPI0017:00/root0/decoder0.0/region0/";
  tree.add_file(region + "interleave_ways", "2000000000\n");
  tree.add_file(region + "target0", "decoder9.0\n");
  tree.add_file(region + "target1", "decoder\n");
  tree.add_file(region + "target2", "../../decoder2.0\n");
  tree.add_file(region + "resource", "0xffffffffffffffff\n");
  const auto devices = devices_of(tree);
  REQUIRE(devices.cxl_regions.size() == 1);
  CHECK(devices.cxl_regions[0].memories == Names{"", ""});
  CHECK(memory(devices, "mem0").regions.empty());
}

TEST_CASE("devices: a part is read anew without a look at the others") {
  auto tree = test::load_machine("cxl-server");
  const auto topology = read_topology(tree);
  auto devices = read_devices(tree, topology);
  const auto before = devices;
  // What stands in the others' place would be noted if it were read.
  tree.add_unreadable("sys/devices/pci0000:14/0000:14:00.0/0000:15:00.0/mem0/ram/size");
  tree.add_unreadable("sys/devices/pci0000:28/0000:28:01.0/0000:2a:00.0/class");
  tree.add_file("sys/class/power_supply/AC/online", "0\n");
  tree.add_file("sys/class/power_supply/BAT0/status", "Discharging\n");
  update_devices(devices, tree, topology, {.power = true});
  CHECK(devices.gpus == before.gpus);
  CHECK(devices.cxl == before.cxl);
  CHECK(devices.power.source == PowerSource::battery);
  CHECK(devices.notes.empty());
  update_devices(devices, tree, topology, {.cxl = true});
  CHECK(devices.notes.size() == 1);
  CHECK(devices.gpus == before.gpus);
}
