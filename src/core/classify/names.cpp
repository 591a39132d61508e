// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <tuple>

#include "base/text.hpp"
#include "core/classify/compile.hpp"

namespace vigil::classify {

namespace {

auto key(const NameTable::Entry& entry) { return std::tuple(entry.hash, entry.len, entry.windows); }

struct Candidate {
  std::string_view name;
  bool windows;
};

// In the order in which they count, as in the kernel half.
std::array<Candidate, 3> candidates(const Facts& facts) {
  return {{{base_name(facts.script), false},
           {facts.argv.empty() ? std::string_view() : arg0_name(facts.argv.front()), true},
           {base_name(facts.exe), false}}};
}

}  // namespace

bool NameTable::is_windows(std::string_view name) {
  constexpr std::string_view kEnding = ".exe";
  if (name.size() < kEnding.size()) return false;
  const auto end = name.substr(name.size() - kEnding.size());
  return std::equal(end.begin(), end.end(), kEnding.begin(),
                    [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

void NameTable::add(std::string_view name, std::uint16_t rule) {
  entries_.push_back({hash_forward(name), static_cast<std::uint16_t>(name.size()), is_windows(name), rule});
}

void NameTable::finish() {
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return key(a) < key(b); });
  // The last of equal ones stays.
  const auto last = std::unique(entries_.rbegin(), entries_.rend(), [](const Entry& a, const Entry& b) { return key(a) == key(b); });
  entries_.erase(entries_.begin(), last.base());
  // A name whose type says nothing is in here only to take the place of an earlier line.
  std::erase_if(entries_, [](const Entry& entry) { return entry.rule == 0; });
  entries_.shrink_to_fit();
}

std::uint16_t NameTable::look_up(std::string_view name, bool windows) const {
  if (name.empty() || name.size() > kComparedBytes) return 0;
  const Entry wanted{hash_forward(name), static_cast<std::uint16_t>(name.size()), windows, 0};
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), wanted,
                                   [](const Entry& a, const Entry& b) { return key(a) < key(b); });
  return it != entries_.end() && key(*it) == key(wanted) ? it->rule : std::uint16_t{0};
}

std::uint16_t NameTable::find(const Facts& facts) const {
  for (const auto& [name, windows] : candidates(facts))
    if (const auto rule = look_up(name, windows)) return rule;
  return 0;
}

std::string_view NameTable::found_by(const Facts& facts) const {
  for (const auto& [name, windows] : candidates(facts))
    if (look_up(name, windows)) return name;
  return {};
}

}  // namespace vigil::classify
