// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/sources.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "support/machine.hpp"
#include "support/pmu_tree.hpp"

using namespace vigil;
using namespace vigil::memory;
using topology::MemoryTree;
using Purpose = CounterGroup::Purpose;

namespace {

PmuSources find_in(const MemoryTree& tree) {
  const auto topology = topology::read_topology(tree);
  return find_pmu_sources(tree, topology, topology::read_devices(tree, topology));
}

const CounterGroup* group_of(const PmuSource& source, Purpose purpose) {
  const auto at = std::find_if(source.groups.begin(), source.groups.end(), [&](const CounterGroup& group) { return group.purpose == purpose; });
  return at == source.groups.end() ? nullptr : &*at;
}

}  // namespace

TEST_CASE("pmu sources: a CXL memory's events lead to its node, all groups and their codes") {
  auto tree = test::load_machine("qemu-cxl-1node");
  test::add_cxl_pmu(tree, "cxl_pmu_mem0.0");
  const auto found = find_in(tree);
  REQUIRE(found.sources.size() == 1);
  const auto& source = found.sources[0];
  CHECK(source.name == "cxl_pmu_mem0.0");
  CHECK(source.type == 24);
  CHECK(source.cpu == 0);
  CHECK(source.device == "mem0");
  CHECK(source.node == 1U);
  REQUIRE(group_of(source, Purpose::traffic));
  const auto& traffic = group_of(source, Purpose::traffic)->counters;
  REQUIRE(traffic.size() == 2);
  CHECK(traffic[0] == Counter{.what = Count::reads, .unit = 64, .parts = {{0x1e98002500000001}}, .joined = {}});
  CHECK(traffic[1] == Counter{.what = Count::writes, .unit = 64, .parts = {{0x1e98002100000002}, {0x1e98002100000004}}, .joined = EventCode{0x1e98002100000006}});
  REQUIRE(group_of(source, Purpose::device_cache));
  REQUIRE(group_of(source, Purpose::snoops));
  // rspihiti says that the line was not there.
  CHECK(group_of(source, Purpose::snoops)->counters[1].joined == EventCode{0x1e98001100000022});
  REQUIRE(group_of(source, Purpose::read_latency));
  CHECK(group_of(source, Purpose::read_latency)->counters.size() == 3);
  CHECK(group_of(source, Purpose::write_latency));
  REQUIRE(found.nodes.size() == 1);
  CHECK(found.nodes[0] == NodeSources{.node = 1, .sources = {0}, .complete = true});
  CHECK(found.notes.empty());
}

TEST_CASE("pmu sources: without an event there is no metric made of it") {
  auto tree = test::load_machine("qemu-cxl-1node");
  test::add_cxl_pmu(tree, "cxl_pmu_mem0.0");
  const std::string events = "sys/bus/event_source/devices/cxl_pmu_mem0.0/events/";
  tree.remove(events + "rd_queue_occ");
  tree.remove(events + "ddr_casrd");
  tree.remove(events + "m2s_rwd_memwr");
  tree.remove(events + "ddr_caswr");
  const auto found = find_in(tree);
  REQUIRE(found.sources.size() == 1);
  CHECK_FALSE(group_of(found.sources[0], Purpose::read_latency));
  CHECK_FALSE(group_of(found.sources[0], Purpose::device_cache));
  CHECK_FALSE(group_of(found.sources[0], Purpose::write_latency));
  REQUIRE(group_of(found.sources[0], Purpose::traffic));
  CHECK(group_of(found.sources[0], Purpose::traffic)->counters.size() == 1);
  REQUIRE(found.nodes.size() == 1);
  CHECK_FALSE(found.nodes[0].complete);
}

TEST_CASE("pmu sources: one that cannot be counted on is told of and left alone") {
  auto tree = test::load_machine("qemu-cxl-1node");
  test::add_pmu(tree, "cxl_pmu_mem0.0", "24", "", {{"mask", "config:0-31"}}, {{"s2m_drs_memdata", "config=0x1"}});
  test::add_pmu(tree, "cxl_pmu_mem1.0", "25", "0", {}, {{"something_new", "config=0x1"}});
  test::add_pmu(tree, "amd_umc_0", "26", "0", {{"event", "config:0-7"}, {"rdwrmask", "config:8-9"}}, {});
  test::add_pmu(tree, "cpu", "4", "", {{"event", "config:0-7"}}, {{"cycles", "event=0x3c"}});
  const auto found = find_in(tree);
  CHECK(found.sources.empty());
  CHECK(found.nodes.empty());
  CHECK(found.notes.size() == 3);
}

TEST_CASE("pmu sources: broken descriptions cost their event, not the source") {
  auto tree = test::load_machine("qemu-cxl-1node");
  test::add_cxl_pmu(tree, "cxl_pmu_mem0.0");
  tree.add_file("sys/bus/event_source/devices/cxl_pmu_mem0.0/events/rd_queue_occ", "gid=?,mask=1\n");
  tree.add_file("sys/bus/event_source/devices/cxl_pmu_mem0.0/format/edge", "config1:99\n");
  const auto found = find_in(tree);
  REQUIRE(found.sources.size() == 1);
  CHECK(group_of(found.sources[0], Purpose::traffic));
  CHECK_FALSE(group_of(found.sources[0], Purpose::read_latency));
  CHECK(found.notes.size() == 2);
}

TEST_CASE("pmu sources: two Xeons' controllers are one source a package, with their own scale") {
  test::Machine machine;
  machine.cpus("0-7").package(0, "0-3").package(1, "4-7").node(0, "0-3", 16'000'000, "10 21").node(1, "4-7", 16'000'000, "21 10");
  for (int i = 0; i < 3; ++i) test::add_imc(machine.tree(), "uncore_imc_" + std::to_string(i), std::to_string(20 + i), "0,4");
  test::add_pmu(machine.tree(), "uncore_imc_free_running_0", "40", "0,4", {{"event", "config:0-7"}, {"umask", "config:8-15"}},
                {{"read", "event=0xff,umask=0x20"}, {"write", "event=0xff,umask=0x30"}});
  auto found = find_in(machine.tree());
  REQUIRE(found.sources.size() == 6);
  CHECK(found.sources[0].name == "uncore_imc_0@0");
  CHECK(found.sources[1].name == "uncore_imc_0@4");
  CHECK(found.sources[1].node == 1U);
  CHECK(found.sources[0].groups[0].counters[0].unit == doctest::Approx(64));
  CHECK(found.sources[0].groups[0].counters[1].parts[0] == EventCode{0x0c04});
  REQUIRE(found.nodes.size() == 2);
  CHECK(found.nodes[0].sources.size() == 3);
  CHECK(found.nodes[0].complete);

  // A channel that cannot be counted makes the sum something else than the node's traffic.
  machine.tree().remove("sys/bus/event_source/devices/uncore_imc_2/events");
  found = find_in(machine.tree());
  CHECK(found.sources.size() == 4);
  CHECK_FALSE(found.nodes[0].complete);
}

TEST_CASE("pmu sources: a controller that serves several nodes belongs to none of them") {
  test::Machine machine;
  machine.cpus("0-7").node(0, "0-3", 16'000'000, "10 11").node(1, "4-7", 16'000'000, "11 10");
  test::add_imc(machine.tree(), "uncore_imc_0", "20", "0");
  auto found = find_in(machine.tree());
  REQUIRE(found.sources.size() == 1);
  CHECK_FALSE(found.sources[0].node);
  CHECK(found.nodes.empty());
  // A source a die is no riddle.
  test::add_imc(machine.tree(), "uncore_imc_0", "20", "0,4");
  found = find_in(machine.tree());
  REQUIRE(found.nodes.size() == 2);
  CHECK(found.sources[1].node == 1U);
}

TEST_CASE("pmu sources: newer controllers have two halves whose counts are added up") {
  test::Machine machine;
  machine.cpus("0-3").node(0, "0-3", 16'000'000);
  test::add_pmu(machine.tree(), "uncore_imc_0", "20", "0", {{"event", "config:0-7"}, {"umask", "config:8-15"}},
                {{"cas_count_read_sch0", "event=0x05,umask=0xcf"}, {"cas_count_read_sch0.scale", "6.103515625e-5"}, {"cas_count_read_sch0.unit", "MiB"},
                 {"cas_count_read_sch1", "event=0x06,umask=0xcf"}, {"cas_count_read_sch1.scale", "6.103515625e-5"}, {"cas_count_read_sch1.unit", "MiB"}});
  const auto found = find_in(machine.tree());
  REQUIRE(found.sources.size() == 1);
  const auto& reads = found.sources[0].groups[0].counters[0];
  CHECK(reads.parts.size() == 2);
  CHECK_FALSE(reads.joined);
}

TEST_CASE("pmu sources: AMD's controllers where the kernel names their events, the fabric where it has none") {
  test::Machine machine;
  machine.cpus("0-3").node(0, "0-3", 16'000'000);
  test::add_pmu(machine.tree(), "amd_df", "19", "0", {{"event", "config:0-7,32-37"}, {"umask", "config:8-15"}},
                {{"local_processor_read_data_beats_cs0", "event=0x1f,umask=0xfe"}, {"local_processor_write_data_beats_cs0", "event=0x1f,umask=0xff"},
                 {"local_processor_read_data_beats_cs1", "event=0x5f,umask=0xfe"}, {"local_processor_write_data_beats_cs1", "event=0x5f,umask=0xff"}});
  auto found = find_in(machine.tree());
  REQUIRE(found.sources.size() == 2);
  CHECK(found.sources[1].name == "amd_df.1");
  CHECK(found.nodes[0].complete);
  test::add_pmu(machine.tree(), "amd_umc_0", "26", "0", {{"event", "config:0-7"}, {"rdwrmask", "config:8-9"}},
                {{"umc_cas_cmd.rd", "event=0x0a,rdwrmask=0x1"}, {"umc_cas_cmd.wr", "event=0x0a,rdwrmask=0x2"}});
  found = find_in(machine.tree());
  REQUIRE(found.sources.size() == 1);
  CHECK(found.sources[0].groups[0].counters[0].parts[0] == EventCode{0x10a});
}

TEST_CASE("pmu sources: a CXL device with two CPMUs is counted once, one without makes its node incomplete") {
  auto tree = test::load_machine("qemu-cxl-1node");
  test::add_cxl_pmu(tree, "cxl_pmu_mem0.0");
  test::add_cxl_pmu(tree, "cxl_pmu_mem0.1", "25");
  auto found = find_in(tree);
  CHECK(found.sources.size() == 2);
  REQUIRE(found.nodes.size() == 1);
  CHECK(found.nodes[0].sources == std::vector<std::size_t>{0});
  CHECK(found.nodes[0].complete);
  // The region now spans both devices.
  tree.add_file("sys/devices/platform/ACPI0017:00/root0/decoder0.0/region0/interleave_ways", "2\n");
  tree.add_file("sys/devices/platform/ACPI0017:00/root0/decoder0.0/region0/target1", "decoder3.0\n");
  found = find_in(tree);
  REQUIRE(found.nodes.size() == 1);
  CHECK_FALSE(found.nodes[0].complete);
}

TEST_CASE("pmu advice: what is missing, and what to do") {
  auto tree = test::load_machine("qemu-cxl-1node");
  const auto advise = [&] {
    const auto topology = topology::read_topology(tree);
    const auto devices = topology::read_devices(tree, topology);
    return advise_on_pmu(tree, devices, find_pmu_sources(tree, topology, devices));
  };
  REQUIRE(advise());
  CHECK(advise()->what.find("mem0, mem1") != std::string::npos);
  CHECK(advise()->todo.find("CONFIG_CXL_PMU") != std::string::npos);
  test::add_cxl_pmu(tree, "cxl_pmu_mem0.0");
  test::add_cxl_pmu(tree, "cxl_pmu_mem1.0", "25");
  CHECK_FALSE(advise());

  test::Machine machine;
  machine.cpus("0-3").node(0, "0-3", 16'000'000).processor("GenuineIntel", 6, 143, "Xeon");
  const auto topology = topology::read_topology(machine.tree());
  const auto advice = advise_on_pmu(machine.tree(), {}, find_pmu_sources(machine.tree(), topology, {}));
  REQUIRE(advice);
  CHECK(advice->todo.find("intel_uncore") != std::string::npos);
}

TEST_CASE("pmu sources: whatever the descriptions say, answers hold together") {
  const char* text = std::getenv("VIGIL_FUZZ_SEED");
  const std::uint64_t seed = text ? std::strtoull(text, nullptr, 0) : 20261125;
  MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  auto whole = test::load_machine("qemu-cxl-1node");
  test::add_cxl_pmu(whole, "cxl_pmu_mem0.0");
  test::add_cxl_pmu(whole, "cxl_pmu_mem1.0", "25", "1");
  test::add_imc(whole, "uncore_imc_0", "30", "0,2");
  const auto topology = topology::read_topology(whole);
  const auto devices = topology::read_devices(whole, topology);
  std::vector<std::string> paths;
  for (const auto& path : whole.paths())
    if (path.find("event_source") != std::string::npos) paths.push_back(path);
  REQUIRE(paths.size() > 40);
  static constexpr const char* kTexts[] = {"", "-1\n", "0-8191\n", "config:0-63\n", "config2:63,62\n", "event=0xff,umask=?\n", "config=0xffffffffffffffff\n", "1e308\n", "4294967296\n",
                                           "MiB\n", "0,,1\n", "config=", "mask=1,mask=2,gid\n", "\x01\xff"};
  for (int round = 0; round < 500; ++round) {
    auto tree = topology::MemoryTree::parse("");
    REQUIRE(tree);
    for (const auto& path : paths) {
      if (random() % 8 == 0) continue;
      tree->add_file(path, random() % 6 == 0 ? kTexts[random() % std::size(kTexts)] : *whole.read(path));
    }
    const auto found = find_pmu_sources(*tree, topology, devices);
    CHECK(found == find_pmu_sources(*tree, topology, devices));
    for (const auto& source : found.sources) {
      CHECK_FALSE(source.groups.empty());
      for (const auto& group : source.groups) {
        CHECK_FALSE(group.counters.empty());
        for (const auto& counter : group.counters) {
          CHECK_FALSE(counter.parts.empty());
          CHECK(counter.unit > 0);
        }
      }
    }
    for (const auto& node : found.nodes) {
      CHECK(topology.find_node(node.node));
      for (const auto i : node.sources) {
        REQUIRE(i < found.sources.size());
        CHECK(found.sources[i].node == node.node);
      }
    }
  }
}
