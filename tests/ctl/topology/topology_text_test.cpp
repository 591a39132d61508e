// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/topology_text.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "support/machine.hpp"
#include "support/mutator.hpp"
#include "wire/topology_json.hpp"

using namespace vigil;
using namespace vigil::topology;
using test::Machine;

namespace {

std::string drawing_of(const Tree& tree) {
  const auto topology = read_topology(tree);
  return draw(topology, read_devices(tree, topology));
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    widest = std::max(widest, static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; })));
  return widest;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("topology drawing: an X3D at a glance") {
  CHECK(drawing_of(test::load_machine("ryzen7900x3d")) ==
        "AMD Ryzen 9 7900X3D 12-Core Processor\n"
        "12 cores · 24 CPUs · 2 last-level caches · 1 package · 1 node · 62.5 GiB · V-Cache on CPUs 0-5,12-17\n"
        "    · x3d mode frequency\n"
        "\n"
        "(a core is its CPUs, joined by +, and its rank behind a colon; higher is faster)\n"
        "package 0 · CPUs 0-23\n"
        "  CCD 0 · L3 96 MiB V-Cache · CPUs 0-5,12-17\n"
        "      0+12:196  1+13:191  2+14:186  3+15:181  4+16:176  5+17:171\n"
        "  CCD 1 · L3 32 MiB · CPUs 6-11,18-23\n"
        "      6+18:236   7+19:236   8+20:231   9+21:226   10+22:221  11+23:216\n"
        "\n"
        "node 0 · dram · 62.5 GiB · CPUs 0-23\n"
        "\n"
        "power · X3D mode frequency\n");
}

TEST_CASE("topology drawing: every recorded machine fits 100 columns") {
  for (const char* name : {"ryzen7900x3d", "alderlake-4p8e", "epyc9654-2s-nps4", "xeon2s-snc-pmem2", "qemu-cxl-1node", "cxl-server"}) {
    CAPTURE(name);
    CHECK(widest_line(drawing_of(test::load_machine(name))) <= 100);
  }
}

TEST_CASE("topology drawing: many dies with cores that are all alike are a line each") {
  const auto drawing = drawing_of(test::load_machine("epyc9654-2s-nps4"));
  CHECK(has(drawing, "(each core has 2 CPUs: 0+192, 1+193, …)\npackage 0 · CPUs 0-95,192-287\n  CCD 0 · L3 32 MiB · CPUs 0-7,192-199\n  CCD 1 "));
  CHECK(std::count(drawing.begin(), drawing.end(), '\n') < 45);
}

TEST_CASE("topology drawing: kinds of cores, of nodes, and devices are named") {
  const auto hybrid = drawing_of(test::load_machine("alderlake-4p8e"));
  CHECK(has(hybrid, "performance 0+1:61  2+3:61"));
  CHECK(has(hybrid, "efficiency  8:35"));
  const auto cxl = drawing_of(test::load_machine("qemu-cxl-1node"));
  CHECK(has(cxl, "node 1 · cxl · 256 MiB · near CPUs 0-3 · tier 22"));
  CHECK(has(cxl, "CXL mem0 · 512 MiB · 0000:0e:00.0 → decoder2.0 → region0 → dax0.0 → node 1"));
  CHECK(has(cxl, "display 0000:00:02.0"));
}

TEST_CASE("topology drawing: broken machines fit 100 columns, too, and are valid JSON") {
  const auto seed = test::setting("VIGIL_FUZZ_SEED", 20261125);
  MESSAGE("seed " << seed);
  const std::string whole[] = {test::read_whole(test::fixture_path("cxl-server.txt")), test::read_whole(test::fixture_path("ryzen7900x3d.txt"))};
  for (std::uint64_t round = 0; round < 200; ++round) {
    CAPTURE(seed + round);
    test::Mutator mutator(seed + round);
    auto tree = MemoryTree::parse(whole[round % 2]);
    REQUIRE(tree);
    mutator.mutate(*tree);
    const auto topology = read_topology(*tree);
    const auto devices = read_devices(*tree, topology);
    CHECK(widest_line(draw(topology, devices)) <= 100);
    CHECK_NOTHROW(to_json(topology).dump());
    CHECK_NOTHROW(to_json(devices).dump());
  }
}

TEST_CASE("topology drawing: the way of CXL memory from device to node") {
  const auto drawing = drawing_of(test::load_machine("cxl-server"));
  CHECK(has(drawing, "CXL mem0 · 32 GiB · 0000:15:00.0 → decoder4.0 → region0 → dax0.0 → node 2 · near CPUs 0-7\n"
                     "    · 280 ns read, 300 ns write · 52000 MiB/s read, 48000 MiB/s write · no PMU\n"));
  CHECK(has(drawing, "CXL mem3 · 64 GiB, persistent · 0000:16:00.0 → decoder5.0 → region2 → in no node"));
  CHECK(has(drawing, "CXL mem4 · 64 GiB · 0000:97:00.0 → in no node · near CPUs 4-7 · cxl_pmu_mem4.0 · cxl_pmu_mem4.1"));
  CHECK(has(drawing, "CXL region0 · 64 GiB ram in decoder0.0 · interleaved over mem1, mem0 by 256 bytes · node 2"));
}

TEST_CASE("topology drawing: nothing is nothing") {
  const MemoryTree tree;
  CHECK(has(drawing_of(tree), "note: no CPU is to be seen"));
  CHECK(draw(Devices{}) == "no GPU\nno CXL memory device\n");
}

TEST_CASE("topology JSON: the fields of the contract, with null for what is unknown") {
  Machine m;
  m.cpus("0-1").cores("0-1").cache(3, "0-1", "8192K").add("sys/devices/system/cpu/present", "0-2");
  const auto json = to_json(read_topology(m.tree()));
  CHECK(json["cpus"][0].dump() ==
        R"({"id":0,"online":true,"core":0,"llc":0,"ccd":0,"package":0,"node":0,"smt_siblings":"0","kind":"uniform",)"
        R"("capacity":null,"rank":null,"max_khz":null})");
  CHECK(json["cpus"][2]["online"] == false);
  CHECK(json["cpus"][2]["core"].is_null());
  CHECK(json["cores"] == 2);
  CHECK(json["threads_per_core"] == 1);
  CHECK(json["llcs"][0]["size_kib"] == 8192);
  CHECK(json["llcs"][0]["vcache"] == false);
  CHECK(json["packages"].dump() == R"([{"id":0,"cpus":"0-1"}])");
  CHECK(json["nodes"][0]["mem_total_kib"].is_null());
  CHECK(json["nodes"][0]["near_cpus"] == "0-1");
  CHECK(json["notes"].is_array());
}

TEST_CASE("devices JSON: the fields of the contract") {
  const auto tree = test::load_machine("qemu-cxl-1node");
  const auto json = to_json(read_devices(tree, read_topology(tree)));
  CHECK(json["gpus"][0].dump() ==
        R"({"address":"0000:00:02.0","vendor":"qemu","driver":null,"node":null,"rebar":null,"power":"unknown",)"
        R"("passthrough":false,"display_only":true,"virtual_function":false})");
  CHECK(json["cxl"][0].dump() ==
        R"({"name":"mem0","node":1,"size_bytes":536870912,"near_cpus":"0-3","pmu":null,"pmus":[],"address":"0000:0e:00.0",)"
        R"("ram_bytes":536870912,"pmem_bytes":0,"decoders":["decoder2.0"],"regions":["region0"],"dax":["dax0.0"],)"
        R"("read_latency_ns":null,"write_latency_ns":null,"read_bandwidth_mib":null,"write_bandwidth_mib":null})");
  CHECK(json["cxl_regions"][0]["memories"].dump() == R"(["mem0"])");
  CHECK(json["cxl_regions"][0]["node"] == 1);
  CHECK(json["power"].dump() == R"({"source":null,"platform_profile":null,"x3d_mode":null,"energy_preference":null})");
}
