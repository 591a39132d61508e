// SPDX-License-Identifier: GPL-2.0-only
//
// The compiled tables held against facts, step for step as bpf/classify.bpf.h does it: values are hashed into
// atoms, atoms bring signal bits and candidate rules, candidates are checked against the bits. For tests and for
// `vigilctl rules test`, which so shows what the kernel would do.
#pragma once

#include "core/classify/compile.hpp"
#include "core/classify/decide.hpp"

namespace vigil::classify {

struct TableVerdict {
  Verdict verdict;
  std::vector<std::uint32_t> evidence;  // atom ids of the decision in force
  std::uint32_t lookups = 0;            // what it cost
  std::uint32_t tried = 0;              // candidate rules looked at
};

TableVerdict evaluate(const Facts& facts, const CompiledRules& tables);

// Whether some rule on threads can hold for one of this name, whatever else is known of it.
bool names_thread(std::string_view comm, const CompiledRules& tables);

}  // namespace vigil::classify
