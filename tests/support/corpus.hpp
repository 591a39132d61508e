// SPDX-License-Identifier: GPL-2.0-only
//
// The truth corpus (tests/fixtures/rules): described processes, and what each must be taken for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/classify/facts.hpp"
#include "core/classify/rule.hpp"

namespace vigil::testing {

struct Described {
  std::string where;   // "games.toml:12"
  std::string family;  // the file's name
  classify::Facts facts;
  std::vector<std::string> marks;
  std::optional<std::string> before;  // class that was in force and is handed on
  std::string want, kind, rule;       // "": not asked for
  std::string guest;                  // the kind of VM once the daemon has looked at its command line
  std::int64_t appid = -1;            // -1: not asked for
};

// Every *.toml of the folder. Throws where a description is wrong.
std::vector<Described> read_corpus(const std::string& folder);

// Its marks and its class before, as numbers of this rule set. Throws where no rule sets a mark.
void place(Described& one, const classify::RuleSet& rules);

}  // namespace vigil::testing
