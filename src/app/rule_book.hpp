// SPDX-License-Identifier: GPL-2.0-only
//
// The rules in force: read, compiled, and the names that the kernel's numbers stand for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/classify/compile.hpp"
#include "core/classify/rule.hpp"
#include "core/verdict.hpp"

namespace vigil::app {

struct RuleBook {
  classify::RuleSet rules;
  classify::CompiledRules compiled;
  std::vector<std::string> files;
  // Some rules are the daemon's to decide (compiled.placement says which); what these ask for beyond path and arguments.
  bool daemon_decides = false;
  bool wants_environment = false;
  bool wants_cgroup = false;

  // Kinds of devices that some rule asks for: classify::device_bit().
  std::uint32_t devices = 0;

  // Every mistake of every file in the Error, a line each.
  static Result<RuleBook> read(const std::vector<std::string>& folders);

  // "games:proton-env"; "user" for a person's word; empty for none.
  std::string_view rule_name(std::uint32_t rule) const;
  std::string_view kind_name(std::uint8_t kind) const;
  // What each rule of the book before has become here, by its old number: the same name's decision, none when it is gone or
  // says nothing of a class any more. `marks`: the lineage bits that still have the same name.
  struct Heirs {
    std::vector<Decision> decisions;  // by old number - 1
    std::uint32_t marks = 0;
  };
  Heirs heirs_of(const RuleBook& before) const;
  // What a verdict rests on, for people.
  std::vector<std::string> evidence(const TaskVerdict& verdict) const;
};

}  // namespace vigil::app
