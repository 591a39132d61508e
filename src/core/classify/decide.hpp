// SPDX-License-Identifier: GPL-2.0-only
//
// What a rule set says of a task, and why: the rules held directly against the facts.
//
// The kernel half reaches the same verdict from tables (compile.hpp); table_eval.hpp mirrors that, and the tests hold the
// two against each other. This one also decides what only user space can look at, and tells what lost.
//
// Chain: user, thread, image, cgroup, ancestry; the first level that has a decision is in force. At an exec the
// decision that was in force becomes `ancestry` if it inherits, unless a boundary rule holds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/classify/facts.hpp"
#include "core/classify/rule.hpp"

namespace vigil::classify {

struct Verdict {
  std::array<std::optional<Decision>, kLevelCount> levels;  // by Level; user stays empty here
  std::uint32_t marks = 0;
  std::uint32_t appid = 0;     // 0 unknown
  std::uint32_t boundary = 0;  // id of the rule that ended ancestry, 0 none
  std::uint16_t profile = 0;   // the profile that this process matches by itself, 0 none
  bool refine = false;         // some rule that holds asks the daemon to look closer

  // The level in force; absent when nothing decided (then the class is regular).
  std::optional<Level> level() const;
  Decision in_force() const;
  bool operator==(const Verdict&) const = default;
};

// A rule that had something for it and did not win.
struct Considered {
  std::uint32_t rule = 0;
  bool held = false;
  std::string why;  // "games:proton-env has a higher priority", "wants env SteamAppId or env SteamGameId"
};

struct Explanation {
  Verdict verdict;
  std::vector<std::string> evidence;  // of the decision in force
  std::vector<Considered> considered;
};

// The profile that is found, by the strongest rule of its own (`direct`, 0 none), by AppID, by the rule in force.
std::uint16_t matched_profile(const Verdict& verdict, std::uint16_t direct, const std::vector<ProfileKey>& keys);

// With `only`, rules whose element is false are passed over.
Verdict decide(const Facts& facts, const RuleSet& rules, const std::vector<bool>* only = nullptr);
// `known`: what is in force, where the kernel has decided already; what lost is told beside that.
Explanation explain(const Facts& facts, const RuleSet& rules, const Verdict* known = nullptr);

// Whether this one rule holds (for a cgroup rule: for some component of the path).
bool holds(const Rule& rule, const Facts& facts);

}  // namespace vigil::classify
