// SPDX-License-Identifier: GPL-2.0-only
//
// Compiled rules in the layout of the kernel's maps. Generation and offsets are added when they are installed.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "abi.h"
#include "core/classify/compile.hpp"

namespace vigil::wire {

struct RuleTables {
  std::vector<std::pair<vigil_atom_key, vigil_atom>> atoms;
  std::vector<__u32> cands;
  std::vector<vigil_rule> rules;
  std::vector<std::pair<vigil_profile_key, __u32>> profile_keys;
  std::vector<std::pair<vigil_name_key, vigil_decision>> names;
  vigil_index index{};
};

RuleTables encode(const classify::CompiledRules& compiled);

}  // namespace vigil::wire
