// SPDX-License-Identifier: GPL-2.0-only
//
// Rule files (TOML) into a RuleSet. The language is described in tools/rules.d/README.md.
#pragma once

#include <vector>

#include "core/classify/rule.hpp"
#include "core/config/mistake.hpp"

namespace vigil::config {

// Files in the order in which they count: later folders later, sorted by name in each. A later file of the same
// base name takes the place of an earlier one. Either a finished set or every mistake in every file.
Parsed<classify::RuleSet> parse_rules(const std::vector<SourceFile>& files);

}  // namespace vigil::config
