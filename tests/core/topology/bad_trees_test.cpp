// SPDX-License-Identifier: GPL-2.0-only
//
// Trees that no sane machine shows: a note each, an answer always.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "core/topology/devices.hpp"
#include "core/topology/reader.hpp"
#include "core/topology/topology.hpp"
#include "support/machine.hpp"
#include "support/topology_rules.hpp"

using namespace vigil;
using namespace vigil::topology;
using test::Machine;

namespace {

bool noted(const Topology& topology, const std::string& part) {
  return std::any_of(topology.notes.begin(), topology.notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("topology: an empty tree is no machine, and says so") {
  const MemoryTree tree;
  const auto topology = read_topology(tree);
  CHECK(topology.cpus.empty());
  CHECK(topology.llcs.empty());
  CHECK(noted(topology, "no CPU is to be seen"));
  CHECK(read_devices(tree, topology).gpus.empty());
}

TEST_CASE("topology: garbage is unknown, is shown in a note, and cannot write to the terminal") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "banana\x1b[31m", 0).node(0, "0-3", 1000, "ten");
  m.each("1", "topology/core_cpus_list", "1,,9").each("2", "cpu_capacity", "0x").each("3", "topology/physical_package_id", "99999999999");
  m.add("sys/devices/system/node/node0/meminfo", "nothing here");
  const auto topology = read_topology(m.tree());
  test::check_rules(topology);
  CHECK_FALSE(topology.llcs[0].size_kib);
  CHECK_FALSE(topology.nodes[0].mem_total_kib);
  CHECK(noted(topology, "'banana\\x1b[31m'"));
  CHECK(noted(topology, "'1,,9'"));
  CHECK(noted(topology, "'0x'"));
  CHECK(noted(topology, "'ten'"));
  CHECK(noted(topology, "not told in its meminfo"));
}

TEST_CASE("topology: copies of /sys often end each file with a NUL; it is no part of the value") {
  MemoryTree tree;
  tree.add_file("sys/devices/system/cpu/online", std::string("0-1\n\0", 5));
  for (const char* cpu : {"0", "1"}) {
    const std::string folder = std::string("sys/devices/system/cpu/cpu") + cpu + "/";
    tree.add_file(folder + "topology/physical_package_id", std::string("1\n\0", 3));
    tree.add_file(folder + "topology/core_cpus", std::string("3\n\0", 3));
    tree.add_file(folder + "cache/index3/level", std::string("3\n\0", 3));
    tree.add_file(folder + "cache/index3/size", std::string("8192K\n\0", 7));
    tree.add_file(folder + "cache/index3/shared_cpu_list", std::string("0-1\n\0", 5));
  }
  const auto topology = read_topology(tree);
  CHECK(topology.cores.size() == 1);
  CHECK(topology.llcs[0].size_kib == 8192);
  CHECK(topology.packages[0].id == 1);
}

TEST_CASE("topology: one-sided and contradictory sharing is cut, not believed") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "8192K");
  m.each("0", "topology/core_cpus_list", "0-1").each("1", "topology/core_cpus_list", "1");
  m.each("2", "topology/core_cpus_list", "3").each("2", "cache/index3/shared_cpu_list", "1");
  const auto topology = read_topology(m.tree());
  test::check_rules(topology);
  CHECK(topology.cores.size() == 4);
  CHECK(noted(topology, "not the other way round"));
  CHECK(noted(topology, "not among its own SMT siblings"));
  CHECK(noted(topology, "not among those that share its own L3"));
}

TEST_CASE("topology: CPUs in two nodes, in none, and nodes that are not there") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "8192K").node(0, "0-1", 1000, "10 20").node(1, "1-2", 1000, "20 10");
  m.add("sys/devices/system/node/online", "0-2");
  const auto topology = read_topology(m.tree());
  test::check_rules(topology);
  CHECK(noted(topology, "CPU 1 are in two nodes"));
  CHECK(noted(topology, "no node that is online lists CPU 3"));
  CHECK(noted(topology, "node 2 is online, but has no folder"));
  CHECK_FALSE(topology.find_cpu(3)->node);
}

TEST_CASE("topology: links that run in a circle or lead nowhere are absent files") {
  Machine m;
  m.cpus("0-1").cores("0-1").cache(3, "0-1", "8192K");
  m.link("sys/devices/system/cpu/cpu0/cpufreq", "../cpu1/cpufreq").link("sys/devices/system/cpu/cpu1/cpufreq", "../cpu0/cpufreq");
  m.link("sys/devices/system/node", "node").link("sys/bus/pci/devices/0000:00:00.0", "../../../nowhere");
  m.link("sys/bus/cxl/devices/mem0", "/etc").link("sys/bus/cxl/devices/region0", "../devices/region0");
  const auto topology = read_topology(m.tree());
  test::check_rules(topology);
  CHECK(topology.nodes.size() == 1);
  const auto devices = read_devices(m.tree(), topology);
  REQUIRE(devices.cxl.size() == 1);
  CHECK(devices.cxl[0].size_bytes == 0);
}

TEST_CASE("topology: unreadable files are named, and the rest is read") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "8192K").node(0, "0-3", 1000);
  m.tree().add_unreadable("sys/devices/system/node/node0/meminfo");
  m.tree().add_unreadable("sys/devices/system/cpu/cpu0/cache/index3/size");
  const auto topology = read_topology(m.tree());
  CHECK(noted(topology, "node0/meminfo cannot be read"));
  CHECK(topology.llcs[0].size_kib == 8192);  // the other sharers say it
  CHECK(noted(topology, "different sizes"));
}

TEST_CASE("topology: a thousand things wrong make a few notes") {
  Machine m;
  m.cpus("0-999").each("0-999", "cpu_capacity", "much");
  CHECK(read_topology(m.tree()).notes.size() < 60);
}

TEST_CASE("topology: files of the wrong size and numbers out of range are refused") {
  Machine m;
  m.cpus("0-1");
  m.add("sys/devices/system/cpu/online", std::string(kMaxFileBytes + 1, '0'));
  m.tree().add_folder("sys/devices/system/cpu/cpu9000");
  m.tree().add_folder("sys/devices/system/node/node4000000000");
  const auto topology = read_topology(m.tree());
  CHECK(topology.online().to_string() == "0-1");
  CHECK(noted(topology, "too long"));
  CHECK(noted(topology, "8192"));
  CHECK(noted(topology, "1024"));
}

TEST_CASE("topology: 8,192 CPUs are read in bounded time") {
  Machine m;
  m.add("sys/devices/system/cpu/online", "0-8191");
  for (std::uint32_t cpu = 0; cpu < 8192; ++cpu) {
    const std::string number = std::to_string(cpu);
    const auto llc = cpu / 16 * 16, first = cpu / 2 * 2;
    m.each(number, "topology/physical_package_id", std::to_string(cpu / 1024));
    m.each(number, "topology/core_cpus_list", CpuSet::range(first, first + 1).to_string());
    m.each(number, "cache/index3/level", "3").each(number, "cache/index3/size", "32768K");
    m.each(number, "cache/index3/shared_cpu_list", CpuSet::range(llc, llc + 15).to_string());
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto topology = read_topology(m.tree());
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(topology.cpus.size() == 8192);
  CHECK(topology.cores.size() == 4096);
  CHECK(topology.llcs.size() == 512);
  CHECK(topology.packages.size() == 8);
  CHECK(took < std::chrono::seconds(10));  // some 0.1 s; far more under a sanitizer
}

TEST_CASE("reader: masks and sizes as the kernel writes them, and nothing else") {
  CHECK(parse_cpumask("ff")->to_string() == "0-7");
  CHECK(parse_cpumask("00000001,80000000\n")->to_string() == "31-32");
  CHECK(parse_cpumask("0")->empty());
  for (const char* bad : {"", "g", "1,,1", "123456789", "-1", "0x1"}) CHECK_FALSE(parse_cpumask(bad));
  CHECK(parse_cache_size("32768K") == 32768);
  CHECK(parse_cache_size("2M\n") == 2048);
  for (const char* bad : {"", "K", "32", "32k", "-1K", "99999999999K", "1.5M"}) CHECK_FALSE(parse_cache_size(bad));
}
