// SPDX-License-Identifier: GPL-2.0-only
//
// Broken machines by the thousand: the recorded ones with files changed, cut, moved, linked in circles and taken away.
// Every one must give a Topology that holds the rules of support/topology_rules.hpp. The seed is printed; set
// VIGIL_FUZZ_SEED to see one again and VIGIL_FUZZ_ROUNDS for a longer run.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "core/topology/devices.hpp"
#include "core/topology/reader.hpp"
#include "core/topology/topology.hpp"
#include "support/machine.hpp"
#include "support/topology_rules.hpp"

using namespace vigil;
using namespace vigil::topology;

namespace {

std::uint64_t setting(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : fallback;
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return n ? random_() % n : 0; }

  void mutate(MemoryTree& tree) {
    auto paths = tree.paths();
    for (std::size_t i = 1 + below(30); i > 0 && !paths.empty(); --i) {
      const auto& path = paths[below(paths.size())];
      switch (below(8)) {
        case 0: tree.remove(path); break;
        case 1: tree.remove(path.substr(0, path.rfind('/'))); break;
        case 2: tree.add_unreadable(path); break;
        case 3: tree.add_link(path, paths[below(paths.size())]); break;
        case 4: tree.add_link(path, "../" + path.substr(path.rfind('/') + 1)); break;
        case 5: tree.add_file(path, text()); break;
        case 6: tree.add_file(path, changed(tree.read(path).value_or(""))); break;
        // One machine's value in another's place.
        default: tree.add_file(path, tree.read(paths[below(paths.size())]).value_or("0\n")); break;
      }
    }
  }

  std::string text() {
    static const char* const kTexts[] = {
        "", "\n", "-1\n", "0\n", "1\n", "255\n", "65535\n", "4294967295\n", "18446744073709551615\n", "0x\n", "0-8191\n", "8191\n",
        "0-3,2-5\n", "3-0\n", "0,,1\n", "ffffffff,ffffffff\n", "99999999999999999999K\n", "0K\n", "98304K\n", "Unified\n", "\x01\x02\xff\n",
        "10 20 30\n", "0x0000000000000000 0xffffffffffffffff 0xffffffffffffffff\n", "decoder4294967295.0\n", "../../..\n"};
    if (below(4) == 0) return std::string(below(5000), static_cast<char>(below(256)));
    return kTexts[below(std::size(kTexts))];
  }

  std::string changed(std::string text) {
    for (std::size_t i = below(4) + 1; i > 0; --i) {
      if (text.empty() || below(3) == 0)
        text.insert(text.begin() + static_cast<std::ptrdiff_t>(below(text.size() + 1)), "0123456789,-xK \n"[below(16)]);
      else if (below(2) == 0)
        text.erase(below(text.size()), 1 + below(3));
      else
        text[below(text.size())] = static_cast<char>(below(256));
    }
    return text;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("topology: a thousand mutated machines give sane answers") {
  const auto seed = setting("VIGIL_FUZZ_SEED", 20261122), rounds = setting("VIGIL_FUZZ_ROUNDS", 1000);
  MESSAGE("seed " << seed << ", " << rounds << " rounds");
  const char* const machines[] = {"ryzen7900x3d", "alderlake-4p8e", "qemu-cxl-1node", "xeon2s-snc-pmem2"};
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
