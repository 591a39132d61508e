// SPDX-License-Identifier: GPL-2.0-only
//
// Broken machines by the thousand: the recorded ones with files changed, cut, moved, linked in circles and taken away.
// Every one must give a Topology that holds the rules of support/topology_rules.hpp. The seed is printed; set
// VIGIL_FUZZ_SEED to see one again and VIGIL_FUZZ_ROUNDS for a longer run.
#include <doctest/doctest.h>

#include <chrono>

#include "core/topology/devices.hpp"
#include "core/topology/reader.hpp"
#include "core/topology/topology.hpp"
#include "support/machine.hpp"
#include "support/mutator.hpp"
#include "support/topology_rules.hpp"

using namespace vigil;
using namespace vigil::topology;

using test::Mutator;
using test::setting;

TEST_CASE("topology: a thousand mutated machines give sane answers") {
  const auto seed = setting("VIGIL_FUZZ_SEED", 20261122), rounds = setting("VIGIL_FUZZ_ROUNDS", 1000);
  MESSAGE("seed " << seed << ", " << rounds << " rounds");
  const char* const machines[] = {"ryzen7900x3d", "alderlake-4p8e", "qemu-cxl-1node", "xeon2s-snc-pmem2", "cxl-server"};
  std::string texts[std::size(machines)];
  for (std::size_t i = 0; i < std::size(machines); ++i) texts[i] = test::read_whole(test::fixture_path(std::string(machines[i]) + ".txt"));
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(seed + round);
    Mutator mutator(seed + round);
    auto tree = MemoryTree::parse(texts[mutator.below(std::size(machines))]);
    REQUIRE(tree);
    mutator.mutate(*tree);
    (void)tree->take_problems();  // what the mutator itself could not read
    const auto begin = std::chrono::steady_clock::now();
    const auto topology = read_topology(*tree);
    const auto devices = read_devices(*tree, topology);
    test::check_rules(topology);
    const auto again = read_topology(*tree);  // reading changes nothing
    CHECK(again.notes == topology.notes);
    CHECK(again == topology);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
    for (const auto& memory : devices.cxl)
      if (memory.node) CHECK(topology.find_node(*memory.node));
  }
}

TEST_CASE("topology: the text form of machines survives broken text") {
  const auto seed = setting("VIGIL_FUZZ_SEED", 20261122);
  MESSAGE("seed " << seed);
  const auto whole = test::read_whole(test::fixture_path("qemu-cxl-1node.txt"));
  for (std::uint64_t round = 0; round < 300; ++round) {
    Mutator mutator(seed + round);
    std::string text = whole;
    for (int i = 0; i < 20; ++i) text = mutator.changed(std::move(text));
    if (const auto tree = MemoryTree::parse(text)) test::check_rules(read_topology(*tree));
  }
}

TEST_CASE("reader: any text is a mask, a size or refused") {
  Mutator mutator(setting("VIGIL_FUZZ_SEED", 20261122));
  for (int i = 0; i < 20000; ++i) {
    const auto text = mutator.changed(mutator.text());
    if (const auto set = parse_cpumask(text)) CHECK(set->count() <= kMaxCpus);
    (void)parse_cache_size(text);
  }
}
