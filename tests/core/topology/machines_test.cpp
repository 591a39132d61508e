// SPDX-License-Identifier: GPL-2.0-only
//
// Invented machines, each with the one thing that makes it hard to read.
#include <doctest/doctest.h>

#include <algorithm>

#include "core/topology/topology.hpp"
#include "support/machine.hpp"

using namespace vigil;
using namespace vigil::topology;
using test::Machine;

namespace {

bool noted(const Topology& topology, const std::string& part) {
  return std::any_of(topology.notes.begin(), topology.notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

std::string kind_of(const Topology& topology, std::uint32_t cpu) { return std::string(to_string(topology.find_cpu(cpu)->kind)); }

Machine strix_point() {
  Machine m;
  m.cpus("0-23").die(0, "0-23").cores("0-11", 12).private_l2("0-11", "1024K", 12);
  m.cache(3, "0-3,12-15", "16384K", 0).cache(3, "4-11,16-23", "8192K", 1).node(0, "0-23", 32'000'000);
  m.max_khz("0-3,12-15", 5'157'895).max_khz("4-11,16-23", 3'300'000);
  m.perf("0-3,12-15", 208).perf("4-11,16-23", 134);
  m.processor("AuthenticAMD", 26, 36, "AMD Ryzen AI 9 HX 370 w/ Radeon 890M");
  return m;
}

Machine meteor_lake() {
  Machine m;  // 6 P with SMT, 8 E in two modules, 2 low-power E on another tile
  m.cpus("0-21");
  for (const char* core : {"0-1", "2-3", "4-5", "6-7", "8-9", "10-11"}) m.each(core, "topology/core_cpus_list", core).cache(2, core, "2048K");
  m.cores("12-21").cache(2, "12-15", "2048K").cache(2, "16-19", "2048K").cache(2, "20-21", "2048K");
  m.cache(3, "0-19", "24576K", 0).node(0, "0-21", 32'000'000);
  m.processor("GenuineIntel", 6, 170, "Intel(R) Core(TM) Ultra 7 155H");
  return m;
}

}  // namespace

TEST_CASE("topology: a Zen 2 die holds two L3s, and its kernel puts all four into one die") {
  Machine m;
  m.cpus("0-23").die(0, "0-23").cores("0-11", 12).private_l2("0-11", "512K", 12);
  m.cache(3, "0-2,12-14", "16384K", 0).cache(3, "3-5,15-17", "16384K", 1);
  m.cache(3, "6-8,18-20", "16384K", 2).cache(3, "9-11,21-23", "16384K", 3);
  m.processor("AuthenticAMD", 23, 113, "AMD Ryzen 9 3900X 12-Core Processor");
  const auto topology = read_topology(m.tree());
  CHECK(topology.llcs.size() == 4);
  REQUIRE(topology.ccds.size() == 2);
  CHECK(topology.ccds[0].cpus.to_string() == "0-5,12-17");
  CHECK(topology.ccds[1].cpus.to_string() == "6-11,18-23");
  CHECK(topology.find_cpu(23)->ccd == 1);
  CHECK(topology.vcache_cpus().empty());
}

TEST_CASE("topology: CPUID tells the dies where sysfs cannot, and is believed before any rule") {
  Machine m;
  m.cpus("0-7").die(0, "0-7").cores("0-7");
  m.cache(3, "0-1", "16384K", 0).cache(3, "2-3", "16384K", 1).cache(3, "4-5", "16384K", 2).cache(3, "6-7", "16384K", 3);
  m.processor("AuthenticAMD", 25, 97, "AMD");
  const auto topology = read_topology(m.tree(), [](std::uint32_t cpu) { return CpuidFacts{.ccd = cpu / 4, .kind = {}}; });
  REQUIRE(topology.ccds.size() == 2);
  CHECK(topology.ccds[0].cpus.to_string() == "0-3");
  CHECK(read_topology(m.tree()).ccds.size() == 4);
}

TEST_CASE("topology: Zen 4c has two L3s to a die like Zen 2, in the same family as Zen 4, which has one") {
  Machine m;
  m.cpus("0-31").die(0, "0-31").cores("0-31");
  for (std::uint32_t i = 0; i < 4; ++i) m.cache(3, CpuSet::range(i * 8, i * 8 + 7).to_string(), "16384K", static_cast<int>(i));
  m.processor("AuthenticAMD", 25, 160, "AMD EPYC 9754 128-Core Processor");
  CHECK(read_topology(m.tree()).ccds.size() == 2);
  m.processor("AuthenticAMD", 25, 17, "AMD EPYC 9654 96-Core Processor");
  CHECK(read_topology(m.tree()).ccds.size() == 4);
}

TEST_CASE("topology: every L3 of a Genoa-X is stacked, so none is larger than the others") {
  Machine m;
  m.cpus("0-191").die(0, "0-191").cores("0-95", 96).private_l2("0-95", "1024K", 96).node(0, "0-191", 800'000'000);
  for (std::uint32_t i = 0; i < 12; ++i)
    m.cache(3, (CpuSet::range(i * 8, i * 8 + 7) | CpuSet::range(96 + i * 8, 96 + i * 8 + 7)).to_string(), "98304K", static_cast<int>(i));
  m.processor("AuthenticAMD", 25, 17, "AMD EPYC 9684X 96-Core Processor");
  const auto topology = read_topology(m.tree());
  CHECK(topology.vcache_cpus() == topology.online());
  CHECK_FALSE(topology.llcs[0].larger);
  CHECK(topology.notes.empty());
}

TEST_CASE("topology: a 9800X3D has one L3, stacked, and nothing to compare it with") {
  Machine m;
  m.cpus("0-15").cores("0-7", 8).private_l2("0-7", "1024K", 8).cache(3, "0-15", "98304K", 0).node(0, "0-15", 64'000'000);
  m.processor("AuthenticAMD", 26, 68, "AMD Ryzen 7 9800X3D 8-Core Processor");
  CHECK(read_topology(m.tree()).vcache_cpus().to_string() == "0-15");
  SUBCASE("also when the tree does not say whose processor it is") {
    m.tree().remove("proc/cpuinfo");
    CHECK(read_topology(m.tree()).llcs[0].vcache);
  }
  SUBCASE("but not when its maker is another") {
    m.processor("GenuineIntel", 6, 207, "Intel");
    CHECK_FALSE(read_topology(m.tree()).llcs[0].vcache);
  }
}

TEST_CASE("topology: a Ryzen with both dies stacked has no slower and no faster half") {
  Machine m;
  m.cpus("0-31").cores("0-15", 16).private_l2("0-15", "1024K", 16);
  m.cache(3, "0-7,16-23", "98304K", 0).cache(3, "8-15,24-31", "98304K", 1);
  m.processor("AuthenticAMD", 26, 68, "AMD Ryzen 9 9950X3D2 16-Core Processor");
  CHECK(read_topology(m.tree()).vcache_cpus().to_string() == "0-31");
}

TEST_CASE("topology: Strix Point's L3s differ because its cores do; none is stacked") {
  auto m = strix_point();
  const auto topology = read_topology(m.tree());
  CHECK(topology.vcache_cpus().empty());
  CHECK(topology.llcs[0].larger);
  CHECK(topology.ccds.size() == 1);  // CPUID says so of the real one: one die, two complexes
  CHECK(topology.cpus_of_kind(CpuKind::performance).to_string() == "0-3,12-15");
  CHECK(topology.cpus_of_kind(CpuKind::efficiency).to_string() == "4-11,16-23");
  CHECK(topology.find_cpu(0)->rank == 208);
  SUBCASE("with nothing but its caches to go by it is not taken for an X3D either") {
    for (const char* list : {"0-11", "12-23"})
      for (const auto cpu : CpuSet::parse(list)->to_vector()) {
        m.tree().remove("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cpufreq/cpuinfo_max_freq");
        m.tree().remove("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/acpi_cppc/highest_perf");
      }
    m.tree().remove("proc/cpuinfo");
    const auto bare = read_topology(m.tree());
    CHECK(bare.vcache_cpus().empty());
    CHECK(noted(bare, "nothing says that it is stacked"));
  }
}

TEST_CASE("topology: an X3D in cache mode is ranked by half, yet its cores are of one kind") {
  Machine m;
  m.cpus("0-15").cores("0-15").private_l2("0-15", "1024K").cache(3, "0-7", "98304K", 0).cache(3, "8-15", "32768K", 1);
  m.perf("0-7", 236).perf("8-15", 150);
  m.processor("AuthenticAMD", 25, 97, "AMD Ryzen 9 7950X3D 16-Core Processor");
  m.add("sys/bus/platform/drivers/amd_x3d_vcache/AMDI0101:00/amd_x3d_mode", "cache");
  const auto topology = read_topology(m.tree());
  CHECK_FALSE(topology.hybrid);
  CHECK(topology.x3d_mode == "cache");
  CHECK(topology.vcache_cpus().to_string() == "0-7");
  CHECK(topology.find_cpu(0)->rank == 236);
}

TEST_CASE("topology: in a guest whose maker is a disguise, complexes alike in all but L3 are an X3D") {
  Machine m;
  m.cpus("0-7").die(0, "0-3").die(1, "4-7");
  for (const char* core : {"0-1", "2-3", "4-5", "6-7"}) m.each(core, "topology/core_cpus_list", core);
  for (const char* core : {"0-1", "2-3"}) m.cache(2, core, "512K");
  for (const char* core : {"4-5", "6-7"}) m.cache(2, core, "4096K");  // what QEMU gives CPUs with legacy-cache=on
  m.cache(3, "0-3", "32768K", 0).cache(3, "4-7", "16384K", 1);
  m.processor("GenuineIntel", 25, 1, "AMD EPYC-Milan Processor", "hypervisor");
  const auto topology = read_topology(m.tree());
  CHECK(topology.vcache_cpus().to_string() == "0-3");
  CHECK(topology.ccds.size() == 2);
  CHECK(noted(topology, "taken as stacked"));
  SUBCASE("also while one of its cores is off line") {
    m.add("sys/devices/system/cpu/online", "0-1,4-7");
    CHECK(read_topology(m.tree()).vcache_cpus().to_string() == "0-1");
  }
  SUBCASE("not if the larger L3 comes with larger cores") {
    for (const char* core : {"0-1", "2-3"}) m.cache(2, core, "8192K");
    CHECK(read_topology(m.tree()).vcache_cpus().empty());
  }
  SUBCASE("on bare metal the same sizes prove nothing") {
    m.processor("AuthenticAMD", 25, 1, "AMD EPYC");
    CHECK(read_topology(m.tree()).vcache_cpus().empty());
  }
}

TEST_CASE("topology: large L3s that are not stacked: many Intel cores, a whole EPYC's sum in a guest") {
  Machine m;
  m.cpus("0-63").cores("0-63").private_l2("0-63", "2048K").cache(3, "0-63", "327680K", 0);
  CHECK_FALSE(read_topology(m.tree()).llcs[0].vcache);
  Machine guest;
  guest.cpus("0-3").cores("0-3").private_l2("0-3", "512K").cache(3, "0-3", "131072K", 0);
  guest.processor("AuthenticAMD", 25, 1, "AMD EPYC 7313 16-Core Processor", "hypervisor");
  CHECK_FALSE(read_topology(guest.tree()).llcs[0].vcache);
}

TEST_CASE("topology: Meteor Lake's low-power cores are in the E-cores' PMU list, but outside the L3") {
  auto m = meteor_lake();
  m.add("sys/bus/event_source/devices/cpu_core/cpus", "0-11").add("sys/bus/event_source/devices/cpu_atom/cpus", "12-21");
  const auto topology = read_topology(m.tree());
  CHECK(topology.cpus_of_kind(CpuKind::performance).to_string() == "0-11");
  CHECK(topology.cpus_of_kind(CpuKind::efficiency).to_string() == "12-19");
  CHECK(topology.cpus_of_kind(CpuKind::low_power).to_string() == "20-21");
  REQUIRE(topology.llcs.size() == 2);
  CHECK(topology.llcs[1].cpus.to_string() == "20-21");
  CHECK(topology.llcs[1].level == 2);
  CHECK(topology.llcs[1].size_kib == 2048);
  CHECK(topology.cores.size() == 16);
  CHECK_FALSE(topology.llcs[0].larger);
}

TEST_CASE("topology: each next best evidence tells a hybrid's cores apart, too") {
  auto m = meteor_lake();
  SUBCASE("firmware's ranks") { m.perf("0-11", 68).perf("12-19", 38).perf("20-21", 26); }
  SUBCASE("second-level caches, and nothing else at all") {}
  SUBCASE("capacities") { m.each("0-11", "cpu_capacity", "1024").each("12-19", "cpu_capacity", "600").each("20-21", "cpu_capacity", "400"); }
  SUBCASE("capacities that are all alike, as with SMT, do not stand in the way") { m.each("0-21", "cpu_capacity", "1024"); }
  const auto topology = read_topology(m.tree());
  CHECK(topology.cpus_of_kind(CpuKind::performance).to_string() == "0-11");
  CHECK(topology.cpus_of_kind(CpuKind::efficiency).to_string() == "12-19");
  CHECK(topology.cpus_of_kind(CpuKind::low_power).to_string() == "20-21");
}

TEST_CASE("topology: a desktop hybrid without PMU lists is known by frequency at last") {
  Machine m;
  m.cpus("0-5").cores("0-5").cache(3, "0-5", "12288K", 0);
  m.max_khz("0-1", 5'000'000).max_khz("2-5", 3'800'000);
  CHECK(read_topology(m.tree()).cpus_of_kind(CpuKind::efficiency).to_string() == "2-5");
  SUBCASE("favoured cores a little faster than the rest are no kind of their own") {
    m.max_khz("0-1", 5'000'000).max_khz("2-5", 4'700'000);
    CHECK_FALSE(read_topology(m.tree()).hybrid);
  }
}

TEST_CASE("topology: PMUs that claim the same CPU are not believed") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "8192K");
  m.add("sys/bus/event_source/devices/cpu_core/cpus", "0-2").add("sys/bus/event_source/devices/cpu_atom/cpus", "2-3");
  const auto topology = read_topology(m.tree());
  CHECK_FALSE(topology.hybrid);
  CHECK(noted(topology, "not believed"));
}

TEST_CASE("topology: big.LITTLE has two clusters with an L2 each, no L3, and no package numbers") {
  Machine m;
  m.cpus("0-5").cores("0-5").each("0-5", "topology/physical_package_id", "-1");
  m.cache(2, "0-3", "512K").cache(2, "4-5", "1024K");
  m.each("0-3", "cpu_capacity", "485").each("4-5", "cpu_capacity", "1024");
  m.add("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 48.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd03");
  const auto topology = read_topology(m.tree());
  CHECK(topology.cpus_of_kind(CpuKind::performance).to_string() == "4-5");
  CHECK(topology.cpus_of_kind(CpuKind::efficiency).to_string() == "0-3");
  REQUIRE(topology.llcs.size() == 2);
  CHECK(topology.llcs[0].level == 2);
  REQUIRE(topology.packages.size() == 1);
  CHECK(topology.packages[0].id == 0);
  CHECK(topology.find_cpu(0)->capacity == 485);
  CHECK(topology.nodes.size() == 1);
}

TEST_CASE("topology: a telephone's three clusters share an L3; the middle ones belong to the large") {
  Machine m;
  m.cpus("0-7").cores("0-7").cache(3, "0-7", "4096K");
  m.each("0-3", "cpu_capacity", "250").each("4-6", "cpu_capacity", "870").each("7", "cpu_capacity", "1024");
  const auto topology = read_topology(m.tree());
  CHECK(topology.cpus_of_kind(CpuKind::performance).to_string() == "4-7");
  CHECK(topology.llcs.size() == 1);
}

TEST_CASE("topology: an ARM server with private L2s and an L3 the kernel cannot see is grouped by node") {
  Machine m;
  m.cpus("0-7").cores("0-7").private_l2("0-7", "1024K").node(0, "0-3", 1000, "10 20").node(1, "4-7", 1000, "20 10");
  const auto topology = read_topology(m.tree());
  REQUIRE(topology.llcs.size() == 2);
  CHECK(topology.llcs[0].cpus.to_string() == "0-3");
  CHECK(topology.llcs[0].level == 0);
  CHECK_FALSE(topology.llcs[0].size_kib);
  CHECK(noted(topology, "no cache that several cores share"));
}

TEST_CASE("topology: a guest that shows nothing but its CPUs is one core each, one LLC, one node") {
  Machine m;
  m.add("sys/devices/system/cpu/online", "0-3").add("proc/meminfo", "MemTotal:        4000000 kB\nMemFree:          1000 kB");
  m.tree().add_folder("sys/devices/system/cpu/cpu0");
  for (int i = 0; i < 4; ++i) m.tree().add_folder("sys/devices/system/cpu/cpu" + std::to_string(i));
  const auto topology = read_topology(m.tree());
  CHECK(topology.cpus.size() == 4);
  CHECK(topology.cores.size() == 4);
  REQUIRE(topology.llcs.size() == 1);
  CHECK(topology.llcs[0].cpus.to_string() == "0-3");
  REQUIRE(topology.nodes.size() == 1);
  CHECK(topology.nodes[0].mem_total_kib == 4'000'000);
  CHECK(topology.packages.size() == 1);
  CHECK(kind_of(topology, 0) == "uniform");
  CHECK_FALSE(topology.find_cpu(0)->capacity);
  CHECK(topology.notes.size() == 3);
}

TEST_CASE("topology: CPU numbers with holes are no indices") {
  Machine m;
  m.cpus("0-3,8-11,64").cores("0-3", 8).cores("64").cache(3, "0-3,8-11", "16384K").cache(3, "64", "16384K");
  const auto topology = read_topology(m.tree());
  CHECK(topology.cpus.size() == 9);
  CHECK(topology.find_cpu(64)->core == 4);
  CHECK(topology.find_cpu(64)->llc == 1);
  CHECK(topology.find_cpu(5) == nullptr);
  CHECK(topology.threads_per_core == 2);
}

TEST_CASE("topology: SMT siblings that are off are listed, without what only an online CPU tells") {
  Machine m;
  m.cpus("0-7").cores("0-7").cache(3, "0-7", "16384K").node(0, "0-7", 1000);
  m.add("sys/devices/system/cpu/present", "0-15").add("sys/devices/system/cpu/offline", "8-127");
  m.each("8-15", "online", "0");
  for (const auto cpu : CpuSet::range(8, 15).to_vector())
    m.link("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/node0", "../../node/node0");
  const auto topology = read_topology(m.tree());
  CHECK(topology.cpus.size() == 16);
  CHECK(topology.online().to_string() == "0-7");
  CHECK_FALSE(topology.find_cpu(8)->online);
  CHECK_FALSE(topology.find_cpu(8)->llc);
  CHECK(topology.find_cpu(8)->node == 0);
  CHECK(topology.threads_per_core == 1);
  CHECK(topology.packages[0].cpus.to_string() == "0-7");
}

TEST_CASE("topology: one node can hold two sockets, and their L3s stay apart") {
  Machine m;
  m.cpus("0-15").package(0, "0-7").package(1, "8-15").cores("0-15").cache(3, "0-7", "16384K", 0).cache(3, "8-15", "16384K", 1);
  m.node(0, "0-15", 1000, "10");
  const auto topology = read_topology(m.tree());
  CHECK(topology.packages.size() == 2);
  CHECK(topology.nodes.size() == 1);
  CHECK(topology.llcs.size() == 2);
  CHECK(topology.find_cpu(8)->package == 1);
  CHECK(topology.find_cpu(8)->node == 0);
}

TEST_CASE("topology: CPUs of which no cache is told are grouped by package even within a node") {
  Machine m;
  m.cpus("0-3").package(0, "0-1").package(1, "2-3").cores("0-3").node(0, "0-3", 1000);
  CHECK(read_topology(m.tree()).llcs.size() == 2);
}

TEST_CASE("topology: sub-NUMA clusters cut a socket's memory, not its L3") {
  Machine m;
  m.cpus("0-7").cores("0-7").cache(3, "0-7", "107520K", 0).node(0, "0-3", 1000, "10 12").node(1, "4-7", 1000, "12 10");
  m.processor("GenuineIntel", 6, 143, "Intel(R) Xeon(R) Platinum 8480+");
  const auto topology = read_topology(m.tree());
  CHECK(topology.llcs.size() == 1);
  CHECK(topology.find_cpu(7)->node == 1);
  CHECK_FALSE(topology.llcs[0].vcache);
}

TEST_CASE("topology: CXL memory with HMAT names its near CPUs, and a GPU that is nearer does not count") {
  Machine m;
  m.cpus("0-7").package(0, "0-3").package(1, "4-7").cores("0-7").cache(3, "0-3", "16384K").cache(3, "4-7", "16384K");
  // By distance node 0 would be the nearest: firmware's table knows better.
  m.node(0, "0-3", 1000, "10 21 17 30").node(1, "4-7", 1000, "21 10 28 30").node(2, "", 500, "17 28 10 30").node(3, "", 0, "30 30 30 10");
  const std::string node2 = "sys/devices/system/node/node2/";
  m.link(node2 + "access0/initiators/node3", "../../../node3").add(node2 + "access0/initiators/read_latency", "90");
  m.link(node2 + "access1/initiators/node1", "../../../node1").add(node2 + "access1/initiators/read_latency", "250");
  m.add(node2 + "access1/initiators/write_latency", "260").add(node2 + "access1/initiators/read_bandwidth", "25600");
  m.add(node2 + "access1/initiators/write_bandwidth", "0");
  m.link("sys/bus/dax/devices/dax0.0", "../../../devices/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0/dax0.0");
  m.add("sys/devices/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0/dax0.0/target_node", "2");
  m.add("sys/devices/virtual/memory_tiering/memory_tier4/nodelist", "0-1").add("sys/devices/virtual/memory_tiering/memory_tier29/nodelist", "2");
  const auto topology = read_topology(m.tree());
  const auto& node = *topology.find_node(2);
  CHECK(node.kind == NodeKind::cxl);
  CHECK(node.near_cpus->to_string() == "4-7");
  CHECK(node.read_latency_ns == 250);
  CHECK(node.write_latency_ns == 260);
  CHECK(node.read_bandwidth_mib == 25600);
  CHECK_FALSE(node.write_bandwidth_mib);  // 0 is firmware's "not told"
  CHECK(node.tier == 29);
  CHECK(topology.find_node(3)->kind == NodeKind::memory_only);
  SUBCASE("without access1 the nearest initiator counts if it has CPUs") {
    m.tree().remove("sys/devices/system/node/node2/access1");
    CHECK(read_topology(m.tree()).find_node(2)->near_cpus->to_string() == "0-3");  // access0 names a GPU: by distance
  }
}

TEST_CASE("topology: a CXL region made by firmware has no dax device; the node that holds its addresses is found") {
  Machine m;
  m.cpus("0-1").cores("0-1").cache(3, "0-1", "16384K").node(0, "0-1", 1000, "10 20").node(1, "", 500, "20 10");
  m.add("sys/devices/system/memory/block_size_bytes", "8000000");
  m.add("sys/bus/cxl/devices/region0/resource", "0x100000000").add("sys/bus/cxl/devices/region0/size", "0x10000000");
  m.link("sys/devices/system/node/node1/memory33", "../../memory/memory33");
  CHECK(read_topology(m.tree()).find_node(1)->kind == NodeKind::cxl);
  m.tree().remove("sys/devices/system/node/node1/memory33");
  m.link("sys/devices/system/node/node1/memory34", "../../memory/memory34");
  CHECK(read_topology(m.tree()).find_node(1)->kind == NodeKind::memory_only);
}

TEST_CASE("topology: nodes without CPUs: PMEM by its bus, HBM by its speed, a GPU's by its device") {
  Machine m;
  m.cpus("0-1").cores("0-1").cache(3, "0-1", "16384K");
  m.node(0, "0-1", 1000, "10 20 30 40").node(1, "", 1000, "20 10 20 20").node(2, "", 1000, "30 20 10 20").node(3, "", 1000, "40 20 20 10");
  m.add("sys/bus/nd/devices/region0/target_node", "1").add("sys/bus/nd/devices/region1/target_node", "0");
  for (const char* node : {"0", "2"}) m.link(std::string("sys/devices/system/node/node") + node + "/access1/initiators/node0", "../../../node0");
  m.add("sys/devices/system/node/node0/access1/initiators/read_bandwidth", "200000");
  m.add("sys/devices/system/node/node2/access1/initiators/read_bandwidth", "700000");
  m.pci("0009:01:00.0", "0x030200", "0x10de", "0x2342").add("sys/bus/pci/devices/0009:01:00.0/numa_node", "3");
  const auto topology = read_topology(m.tree());
  CHECK(topology.find_node(0)->kind == NodeKind::dram);
  CHECK(topology.find_node(1)->kind == NodeKind::pmem);
  CHECK(topology.find_node(2)->kind == NodeKind::hbm);
  CHECK(topology.find_node(3)->kind == NodeKind::gpu);
}

TEST_CASE("topology: HBM is known by being faster than the DRAM of the same CPUs, not than all memory elsewhere") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "16384K");
  m.node(0, "0-1", 1000).node(1, "2-3", 1000).node(2, "", 1000);
  m.add("sys/devices/system/node/node0/access1/initiators/read_bandwidth", "1000");
  m.add("sys/devices/system/node/node1/access1/initiators/read_bandwidth", "10000");
  m.add("sys/devices/system/node/node2/access1/initiators/read_bandwidth", "10000");
  m.link("sys/devices/system/node/node0/access1/initiators/node0", "../../../node0");
  m.link("sys/devices/system/node/node1/access1/initiators/node1", "../../../node1");
  m.link("sys/devices/system/node/node2/access1/initiators/node0", "../../../node0");
  CHECK(read_topology(m.tree()).find_node(2)->kind == NodeKind::hbm);
}

TEST_CASE("topology: a CPU can belong to a node that is offline, because its first CPU is") {
  Machine m;
  m.cpus("1-3").cores("1-3").cache(3, "1-3", "16384K").node(1, "2-3", 1000, "10");
  m.link("sys/devices/system/cpu/cpu1/node0", "../../node/node0");
  const auto topology = read_topology(m.tree());
  CHECK(topology.find_cpu(1)->node == 0);
  CHECK(topology.find_node(0) == nullptr);
  CHECK(noted(topology, "no node that is online lists CPU 1"));
}

TEST_CASE("topology: Zen 1 pairs L3s, too, and its old kernels do not even number them") {
  Machine m;
  m.cpus("0-15").cores("0-15").cache(3, "0-3", "8192K").cache(3, "4-7", "8192K").cache(3, "8-11", "8192K").cache(3, "12-15", "8192K");
  m.processor("AuthenticAMD", 23, 1, "AMD EPYC 7451 24-Core Processor");
  const auto topology = read_topology(m.tree());
  REQUIRE(topology.ccds.size() == 2);
  CHECK(topology.ccds[1].cpus.to_string() == "8-15");
}

TEST_CASE("topology: POWER runs eight threads on a core and numbers them in steps") {
  Machine m;
  m.cpus("0-31");
  for (const char* core : {"0-7", "8-15", "16-23", "24-31"}) m.each(core, "topology/thread_siblings_list", core).cache(3, core, "10240K");
  const auto topology = read_topology(m.tree());
  CHECK(topology.threads_per_core == 8);
  CHECK(topology.cores.size() == 4);
  CHECK(topology.llcs.size() == 4);
}

TEST_CASE("topology: old kernels give masks instead of lists, and a core's number instead of its siblings") {
  Machine m;
  m.cpus("0-3").each("0,2", "topology/thread_siblings", "00000005").each("1,3", "topology/thread_siblings", "0000000a");
  m.each("0-3", "cache/index2/level", "2").each("0-3", "cache/index2/type", "Unified").each("0-3", "cache/index2/size", "6144K");
  m.each("0-3", "cache/index2/shared_cpu_map", "00000000,0000000f");
  m.add("sys/devices/system/node/node0/cpumap", "0000000f").add("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 5 kB");
  const auto topology = read_topology(m.tree());
  CHECK(topology.cores.size() == 2);
  REQUIRE(topology.llcs.size() == 1);
  CHECK(topology.llcs[0].level == 2);
  CHECK(topology.nodes[0].cpus.to_string() == "0-3");
  Machine numbers;
  numbers.cpus("0-3").package(1, "2-3").each("0,2", "topology/core_id", "0").each("1", "topology/core_id", "0").each("3", "topology/core_id", "1");
  CHECK(read_topology(numbers.tree()).cores.size() == 3);
}

TEST_CASE("topology: ranks that are all alike prefer nothing, and AMD's 255 means unknown") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "16384K").perf("0-3", 40);
  CHECK_FALSE(read_topology(m.tree()).find_cpu(0)->rank);
  m.perf("0", 255).perf("1", 200);
  m.processor("AuthenticAMD", 25, 33, "AMD Ryzen 9 5950X");
  const auto topology = read_topology(m.tree());
  CHECK_FALSE(topology.find_cpu(0)->rank);
  CHECK(topology.find_cpu(1)->rank == 200);
}

TEST_CASE("topology: cpufreq policies speak for several CPUs at once") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "16384K");
  const std::string policies = "sys/devices/system/cpu/cpufreq/";
  m.add(policies + "policy0/related_cpus", "0 1").add(policies + "policy0/cpuinfo_max_freq", "4000000");
  m.add(policies + "policy2/related_cpus", "2 3").add(policies + "policy2/cpuinfo_max_freq", "4100000");
  m.add(policies + "policy0/amd_pstate_prefcore_ranking", "166").add(policies + "policy2/amd_pstate_prefcore_ranking", "176");
  const auto topology = read_topology(m.tree());
  CHECK(topology.find_cpu(1)->max_khz == 4'000'000);
  CHECK(topology.find_cpu(3)->rank == 176);
  CHECK_FALSE(topology.hybrid);
}
