// SPDX-License-Identifier: GPL-2.0-only
//
// The rules and profiles in force: read, compiled, and the names that the kernel's numbers stand for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/classify/compile.hpp"
#include "core/classify/rule.hpp"
#include "core/config/together.hpp"
#include "core/policy/profiles/profile.hpp"
#include "core/verdict.hpp"

namespace vigil::app {

struct RuleBook {
  classify::RuleSet rules;
  classify::CompiledRules compiled;
  std::vector<std::string> files;
  std::vector<policy::Profile> profiles;
  std::vector<std::uint16_t> profile_numbers;  // by position in `profiles`
  std::vector<std::string> profile_files;
  // Some rules are the daemon's to decide (compiled.placement says which); what these ask for beyond path and arguments.
  bool daemon_decides = false;
  bool wants_environment = false;
  bool wants_cgroup = false;

  // Kinds of devices that some rule asks for: classify::device_bit().
  std::uint32_t devices = 0;

  // Every mistake of every file in the Error, a line each.
  // Mistakes in ananicy's files are none: they are noted. An empty `ananicy_folder`: without.
  static Result<RuleBook> read(const std::vector<std::string>& folders, const std::vector<std::string>& profile_folders,
                               const std::string& ananicy_folder, policy::ProfileNumbers& numbers,
                               config::OnMistake on_mistake = config::OnMistake::refuse);

  // The mistakes of files that were passed over, a line each; "" none.
  std::string left_out;

  // What was taken over from ananicy's rules, and what of them was passed over ("FILE:LINE: why").
  std::size_t ananicy_names = 0;
  std::vector<std::string> ananicy_mistakes;

  // A folder of these that has files in this book and is not there any more; "" none.
  std::string vanished(const std::vector<std::string>& rule_folders, const std::vector<std::string>& profile_folders) const;

  // The profile that a task's number means; null for 0 and for one that is gone.
  const policy::Profile* profile(std::uint16_t number) const;
  std::string profile_name(std::uint16_t number) const;  // "" none
  std::optional<std::uint16_t> profile_number(std::string_view name) const;

  // "games:proton-env"; "user" for a person's word; empty for none.
  std::string_view rule_name(std::uint32_t rule) const;
  // The same, with "profile:factorio" where the profile in force decides.
  std::string rule_name(std::uint32_t rule, std::uint16_t profile) const;
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

 private:
  void add_ananicy(const std::string& folder);
};

}  // namespace vigil::app
