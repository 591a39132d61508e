// SPDX-License-Identifier: GPL-2.0-only
//
// Which sets of CPUs a machine has, and which of them the classes ask for.
#include "core/policy/cpu_sets.hpp"

#include <doctest/doctest.h>

#include "core/topology/topology.hpp"
#include "support/machine.hpp"

using namespace vigil;
using namespace vigil::policy;
using test::Machine;

namespace {

CpuSetId of(const Places& places, WorkloadClass klass) { return places.classes[static_cast<std::size_t>(klass)]; }
bool spreads(const Places& places, WorkloadClass klass) { return places.spread[static_cast<std::size_t>(klass)]; }

CpuSets sets_of(const std::string& recorded) {
  auto tree = test::load_machine(recorded);
  return cpu_sets_of(topology::read_topology(tree));
}

CpuSets sets_of(Machine& machine) { return cpu_sets_of(topology::read_topology(machine.tree())); }

}  // namespace

TEST_CASE("cpu sets: a dual-die X3D has a cache set and a frequency set; games take the cache, background leaves it to them") {
  const auto sets = sets_of("ryzen7900x3d");
  CHECK(sets[CpuSetId::vcache].to_string() == "0-5,12-17");
  CHECK(sets[CpuSetId::frequency].to_string() == "6-11,18-23");
  CHECK(sets[CpuSetId::preferred].to_string() == "6-11,18-23");  // in the mode 'frequency' firmware ranks the other die first
  CHECK(!sets.has(CpuSetId::performance));
  const auto places = places_of(sets, {});
  CHECK(of(places, WorkloadClass::gaming) == CpuSetId::vcache);
  CHECK(of(places, WorkloadClass::latency) == CpuSetId::vcache);
  CHECK(of(places, WorkloadClass::regular) == CpuSetId::any);
  CHECK(of(places, WorkloadClass::batch) == CpuSetId::any);
  CHECK(places.away == CpuSetId::frequency);
}

TEST_CASE("cpu sets: a hybrid machine gives its large cores to all but background, whole ones first") {
  const auto sets = sets_of("alderlake-4p8e");
  CHECK(!sets.has(CpuSetId::vcache));
  REQUIRE(sets.has(CpuSetId::performance));
  REQUIRE(sets.has(CpuSetId::efficient));
  CHECK(!sets[CpuSetId::performance].intersects(sets[CpuSetId::efficient]));
  CHECK(sets[CpuSetId::preferred].is_subset_of(sets[CpuSetId::performance]));
  const auto places = places_of(sets, {});
  CHECK(of(places, WorkloadClass::gaming) == CpuSetId::performance);
  CHECK(of(places, WorkloadClass::regular) == CpuSetId::performance);
  CHECK(spreads(places, WorkloadClass::regular));
  CHECK(!spreads(places, WorkloadClass::gaming));
  CHECK(of(places, WorkloadClass::batch) == CpuSetId::any);
  CHECK(places.away == CpuSetId::efficient);
}

TEST_CASE("cpu sets: to save power, what is not urgent goes to the small cores") {
  const auto sets = sets_of("alderlake-4p8e");
  const auto places = places_of(sets, {.save_power = true});
  CHECK(of(places, WorkloadClass::batch) == CpuSetId::efficient);
  CHECK(of(places, WorkloadClass::regular) == CpuSetId::efficient);
  CHECK(!spreads(places, WorkloadClass::regular));
  CHECK(of(places, WorkloadClass::gaming) == CpuSetId::performance);
  CHECK(of(places, WorkloadClass::latency) == CpuSetId::performance);
  CHECK(places_of(sets_of("epyc9654-2s-nps4"), {.save_power = true}) == places_of(sets_of("epyc9654-2s-nps4"), {}));
}

TEST_CASE("cpu sets: where all cores are alike but for firmware's ranks, games take the better half of one cache") {
  Machine m;
  m.cpus("0-7").cores("0-3", 4).cache(3, "0-7", "32768K").node(0, "0-7", 16'000'000);
  m.processor("AuthenticAMD", 25, 97, "AMD Ryzen 5 7600");
  m.perf("0,4", 196).perf("1,5", 176).perf("2,6", 186).perf("3,7", 181);
  const auto sets = sets_of(m);
  CHECK(sets[CpuSetId::preferred].to_string() == "0,2,4,6");
  CHECK(!sets.has(CpuSetId::performance));
  const auto places = places_of(sets, {});
  CHECK(of(places, WorkloadClass::gaming) == CpuSetId::preferred);
  CHECK(of(places, WorkloadClass::regular) == CpuSetId::any);
  CHECK(places.away == CpuSetId::any);
}

TEST_CASE("cpu sets: of several caches the one ranked highest is taken whole") {
  Machine m;
  m.cpus("0-7").cores("0-7").cache(3, "0-3", "32768K", 0).cache(3, "4-7", "32768K", 1).node(0, "0-7", 16'000'000);
  m.processor("AuthenticAMD", 25, 33, "AMD Ryzen 9 5950X 16-Core Processor");
  m.perf("0", 231).perf("1", 226).perf("2", 221).perf("3", 216).perf("4", 206).perf("5", 201).perf("6", 236).perf("7", 191);
  CHECK(sets_of(m)[CpuSetId::preferred].to_string() == "0-3");
}

TEST_CASE("cpu sets: a machine of equal CPUs on one cache and one node has no sets, and no class asks for one") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "16384K").node(0, "0-3", 8'000'000);
  const auto sets = sets_of(m);
  CHECK(sets == CpuSets());
  const auto places = places_of(sets, {});
  for (const auto klass : kWorkloadClasses) CHECK(of(places, klass) == CpuSetId::any);
  CHECK(places.away == CpuSetId::any);
  CHECK(spreads(places, WorkloadClass::ai));
}

TEST_CASE("cpu sets: each memory node has the CPUs near it, also one that has no CPUs of its own") {
  const auto sets = sets_of("xeon2s-snc-pmem2");
  auto tree = test::load_machine("xeon2s-snc-pmem2");
  const auto topology = topology::read_topology(tree);
  for (const auto& node : topology.nodes) {
    CAPTURE(node.id);
    const auto& near = sets[near_node(node.id)];
    if (!node.cpus.empty()) CHECK(near == (node.near_cpus ? *node.near_cpus : node.cpus));
    CHECK(near.is_subset_of(topology.online()));
    CHECK(!near.empty());
  }
  CHECK(near_node(47) != CpuSetId::any);
  CHECK(near_node(48) == CpuSetId::any);
  CHECK(to_string(near_node(3)) == "node 3");
}

TEST_CASE("cpu sets: a CPU that goes off line leaves the sets") {
  Machine m;
  m.cpus("0-6").cores("0-6").cache(3, "0-3", "98304K", 0).cache(3, "4-6", "32768K", 1).node(0, "0-6", 16'000'000);
  m.processor("AuthenticAMD", 25, 97, "AMD Ryzen 9 7950X3D 16-Core Processor");
  const auto sets = sets_of(m);
  CHECK(sets[CpuSetId::vcache].to_string() == "0-3");
  CHECK(sets[CpuSetId::frequency].to_string() == "4-6");
}
