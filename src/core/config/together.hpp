// SPDX-License-Identifier: GPL-2.0-only
//
// Rules and profiles as they belong together: all of them, or at the start of the daemon those that hold.
#pragma once

#include <string>
#include <vector>

#include "core/classify/rule.hpp"
#include "core/config/mistake.hpp"
#include "core/policy/profiles/profile.hpp"

namespace vigil::config {

enum class OnMistake {
  refuse,     // every mistake in every file, and nothing else
  leave_out,  // a file with mistakes is passed over, unless it is of the first folder (layer 0): what ships must be right
};

struct Together {
  classify::RuleSet rules;
  std::vector<policy::Profile> profiles;
  std::vector<SourceFile> rule_files;  // those that were taken
  std::vector<SourceFile> profile_files;
  Mistakes left_out;  // why files were passed over; empty: none was
};

// With leave_out: where a file is right by itself but what ships is not beside it (a list that it replaces, a rule that it
// disables), that file is passed over; where no single one is to blame, all beyond the first folder are.
Parsed<Together> parse_together(std::vector<SourceFile> rule_files, std::vector<SourceFile> profile_files, OnMistake on_mistake);

}  // namespace vigil::config
