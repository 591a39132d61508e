// SPDX-License-Identifier: GPL-2.0-only
//
// The rules of ananicy, where they are installed, as evidence of last resort: thousands of program names, each with a type.
//
// Nothing of them is shipped. What they say of nice values is not done; their types say what a program is for:
//
//   *.rules    {"name": "Foo.exe", "type": "Game"}
//   *.types    {"type": "BG_CPUIO", "nice": 19, "sched": "idle", "cgroup": "cpu85"}
//   *.cgroups  {"cgroup": "cpu85", "CPUQuota": 85}
//
// one object a line, '#' begins a remark. A type becomes one rule "ananicy:TYPE" below every other rule; the names are a table (core/classify/
// names.hpp), and nothing else of the files is kept.
#pragma once

#include <cstddef>
#include <vector>

#include "core/classify/rule.hpp"
#include "core/config/mistake.hpp"

namespace vigil::config {

struct AnanicyImport {
  std::size_t names = 0;    // taken over
  std::size_t without = 0;  // names whose type says nothing of a class
  Mistakes mistakes;        // lines passed over: never a reason to stop
};

// Adds to a finished set, and finishes it again. A name that comes twice has the type of its last line, as with ananicy.
AnanicyImport import_ananicy(const std::vector<SourceFile>& files, classify::RuleSet& into);

}  // namespace vigil::config
