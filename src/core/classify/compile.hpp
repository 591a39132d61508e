// SPDX-License-Identifier: GPL-2.0-only
//
// A rule set as the tables the kernel half works from.
//
// The structs mirror bpf/abi.h's (core may not include it; wire/ converts and asserts). `gen` is 0 here and the
// candidate lists hold indices into `rules` from 0: the loader adds its generation and offset.
//
// A rule becomes one row, or a few when a condition has patterns with a star in the middle (`CPU */KVM` is a
// prefix and a suffix of one value). A row's *anchor* is the condition whose atoms have it as a candidate; each other condition
// gets a signal bit, shared by equal conditions. What the kernel cannot decide is left to the daemon: then the row only says "look closer"
// (kRefine, no class) under those conditions that can be looked at, and `placement` says why.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/classify/rule.hpp"

namespace vigil::classify {

inline constexpr std::size_t kSignals = 256;
inline constexpr std::size_t kSignalWords = kSignals / 64;
inline constexpr std::size_t kAtomBits = 8;
inline constexpr std::size_t kFields = 16;
inline constexpr std::size_t kFilterBits = 4096;
inline constexpr std::size_t kHashBits = 262144;
// Rules that one atom can bring up.
inline constexpr std::size_t kMaxCands = 128;
// A row without a class.
inline constexpr std::uint8_t kNoClass = 11;
// Bytes of a value that are hashed from its front (exact, prefix) or its end (suffix); a pattern is shorter than this.
inline constexpr std::size_t kComparedBytes = 63;

using Signals = std::array<std::uint64_t, kSignalWords>;

struct AtomKey {
  std::uint64_t hash = 0;
  std::uint32_t gen = 0;
  std::uint16_t len = 0;
  std::uint8_t field = 0;
  std::uint8_t op = 0;  // Shape: exact, prefix, suffix
  auto operator<=>(const AtomKey&) const = default;
};

struct Atom {
  std::uint32_t id = 0;  // index into atom_names + 1
  std::uint32_t cand_first = 0;
  std::uint16_t cand_count = 0;
  std::uint8_t capture = 0;  // 1: the number behind it is the AppID
  std::uint8_t nr_bits = 0;
  std::array<std::uint8_t, kAtomBits> bits{};
};

struct RuleRow {
  Signals need{};
  Signals avoid{};
  std::uint32_t id = 0;  // RuleSet::by_id
  std::uint32_t mark = 0;
  std::uint32_t need_marks = 0;
  std::uint32_t avoid_marks = 0;
  std::uint32_t previous = 0;
  std::uint16_t priority = 0;  // Rule::rank: no two rules alike, larger wins
  std::uint8_t level = 0;
  std::uint8_t klass = kNoClass;
  std::uint8_t kind = 0;
  std::uint8_t flags = 0;
  std::uint16_t profile = 0;
};

struct RuleIndex {
  std::array<std::uint64_t, kFields> prefix_lens{};
  std::array<std::uint64_t, kFields> suffix_lens{};
  std::uint64_t exact_fields = 0;
  // Slots of the first four bytes of variables (env_head) and of exact and prefix arguments (arg_head), of the last
  // four of suffix arguments (arg_tail).
  std::array<std::uint64_t, kFilterBits / 64> env_head{};
  std::array<std::uint64_t, kFilterBits / 64> arg_head{};
  std::array<std::uint64_t, kFilterBits / 64> arg_tail{};
  // Slots of all atoms' hashes: most strings are known to match nothing without a lookup.
  std::array<std::uint64_t, kHashBits / 64> hashes{};
};

struct Placement {
  bool in_kernel = true;
  // Every exec passes through the rule (nothing it looks at could serve as an anchor).
  bool every_exec = false;
  std::string why;  // a sentence when one of the above is unusual
};

struct CompiledRules {
  std::vector<std::pair<AtomKey, Atom>> atoms;  // sorted by key
  std::vector<std::uint32_t> cands;
  std::vector<RuleRow> rules;
  RuleIndex index;
  std::vector<std::string> atom_names;  // "env SteamAppId", "argv ends with .exe"
  std::vector<std::string> rule_names;  // by id - 1
  std::vector<std::string> kinds;       // by number; [0] is ""
  std::vector<std::string> marks;       // by bit
  std::vector<ProfileKey> profile_keys;
  std::shared_ptr<const NameTable> names;  // null: none; not among the atoms
  std::vector<RuleRow> name_rules;      // what their rules decide
  std::vector<Placement> placement;     // by rule id - 1
  std::uint32_t signals_used = 0;
  // A cgroup rule that only user space can decide exists: the daemon judges every new cgroup itself as well.
  bool user_cgroup_rules = false;

  std::string_view atom_name(std::uint32_t id) const {
    return id && id <= atom_names.size() ? std::string_view(atom_names[id - 1]) : std::string_view();
  }
  std::string_view rule_name(std::uint32_t id) const {
    return id && id <= rule_names.size() ? std::string_view(rule_names[id - 1]) : std::string_view();
  }
};

// Cannot fail: what does not fit goes to user space and says so. RuleSet::finish() has been called.
CompiledRules compile(const RuleSet& rules);

// FNV-1a, 64 bit; from the last byte to the first for a suffix.
std::uint64_t hash_forward(std::string_view bytes);
std::uint64_t hash_backward(std::string_view bytes);
// The key of what a value of `field` would be looked up by.
AtomKey atom_key(Field field, Shape op, std::string_view text);
// Slot in a filter of the four bytes that `four` starts with.
std::uint32_t filter_slot(std::string_view four);
std::uint32_t hash_slot(std::uint64_t hash);

}  // namespace vigil::classify
