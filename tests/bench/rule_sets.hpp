// SPDX-License-Identifier: GPL-2.0-only
//
// Rule sets to measure with: the shipped ones, and made-up ones of any size.
#pragma once

#include <string>
#include <vector>

#include "core/classify/compile.hpp"
#include "core/config/mistake.hpp"

namespace vigil::bench {

// The files of tools/rules.d.
std::vector<config::SourceFile> shipped_rules(const std::string& folder);
// `count` rules beyond the shipped: of ten, eight go by executable, one by an argument, and one in turn by a
// variable, a thread's name or a cgroup. That is how the large collections people have are made up; none of
// them matches what the benchmarks run.
std::vector<config::SourceFile> with_made_up_rules(std::vector<config::SourceFile> files, std::size_t count);

// `count` rules that each rule out a list of a thousand names, and ask for one of another.
std::vector<config::SourceFile> with_long_lists(std::vector<config::SourceFile> files, std::size_t count);

// Synthetic files in ananicy's format: `count` names, six of seven games, some 60 % of these Windows programs.
std::vector<config::SourceFile> made_up_ananicy(std::size_t count);

classify::CompiledRules compile(const std::vector<config::SourceFile>& files);

}  // namespace vigil::bench
