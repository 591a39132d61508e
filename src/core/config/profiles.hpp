// SPDX-License-Identifier: GPL-2.0-only
//
// Profile files (TOML) into profiles. The language is described in tools/profiles.d/README.md.
#pragma once

#include <vector>

#include "core/config/mistake.hpp"
#include "core/policy/profiles/profile.hpp"

namespace vigil::config {

// Files as for parse_rules(): a later file of the same base name takes the place of an earlier one, and a profile of a later folder
// that of one of the same name. `rules`: what a match may name; null where the rules themselves are not known. Either all
// profiles or every mistake in every file.
Parsed<std::vector<policy::Profile>> parse_profiles(const std::vector<SourceFile>& files, const classify::RuleSet* rules);

}  // namespace vigil::config
