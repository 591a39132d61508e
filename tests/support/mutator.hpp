// SPDX-License-Identifier: GPL-2.0-only
//
// Breaks machines: files changed, cut, moved, linked in circles and taken away. The same seed breaks them the same way.
#pragma once

#include <cstdlib>
#include <iterator>
#include <random>
#include <string>

#include "core/topology/memory_tree.hpp"

namespace vigil::test {

// A number from the environment: VIGIL_FUZZ_SEED, VIGIL_FUZZ_ROUNDS.
inline std::uint64_t setting(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : fallback;
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return n ? random_() % n : 0; }

  void mutate(topology::MemoryTree& tree) {
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

}  // namespace vigil::test
