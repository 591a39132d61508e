// SPDX-License-Identifier: GPL-2.0-only
//
// Reading typed values from a Tree: absent is nothing, garbage is nothing and a note.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/cpu_set.hpp"
#include "core/topology/tree.hpp"

namespace vigil::topology {

// Sentences for people: each once, and not thousands when a whole tree is broken.
class Notes {
 public:
  void add(std::string note);
  std::vector<std::string> take();

 private:
  std::vector<std::string> notes_;
  std::unordered_set<std::string> seen_;
  std::size_t dropped_ = 0;
};

// The kernel's hexadecimal mask: "ff,00000000,0000ffff", highest word first.
std::optional<CpuSet> parse_cpumask(std::string_view text);
// "32768K", "2M"; in KiB.
std::optional<std::uint64_t> parse_cache_size(std::string_view text);

class Reader {
 public:
  Reader(const Tree& tree, Notes& notes) : tree_(tree), notes_(notes) {}

  const Tree& tree() const { return tree_; }
  Notes& notes() { return notes_; }

  std::optional<std::string> text(const std::string& path);
  // Decimal, or hexadecimal behind "0x".
  std::optional<std::uint64_t> number(const std::string& path);
  std::optional<std::uint32_t> small_number(const std::string& path);
  // The kernel writes -1 for "none": nothing, without a note.
  std::optional<std::uint32_t> index(const std::string& path);
  // Lists that repeat (8,192 CPUs that share one cache) are parsed once. The pointer stays valid.
  const CpuSet* cpu_list(const std::string& path);
  // The list or, on old kernels and in sparse captures, the mask beside it.
  const CpuSet* cpu_list(const std::string& list_path, const std::string& mask_path);
  // Numbers N of the entries NAMEn in a folder, ascending; names that are no number behind NAME are skipped.
  std::vector<std::uint32_t> numbered(const std::string& folder, std::string_view name);
  // The last component a link points at.
  std::optional<std::string> link_name(const std::string& path);

 private:
  const Tree& tree_;
  Notes& notes_;
  std::unordered_map<std::string, std::optional<CpuSet>> lists_, masks_;
};

}  // namespace vigil::topology
