// SPDX-License-Identifier: GPL-2.0-only
//
// How much of the truth corpus the kernel half decides by itself, family by family, and which processes it does not, and why.
//
//   corpus_bench RULES_FOLDER CORPUS_FOLDER
#include <cstdio>
#include <map>

#include "core/classify/decide.hpp"
#include "core/classify/table_eval.hpp"
#include "core/config/rules.hpp"
#include "figures.hpp"
#include "machine.hpp"
#include "rule_sets.hpp"
#include "support/corpus.hpp"

using namespace vigil;
using namespace vigil::bench;

namespace {

// Why the daemon is needed for it; "" when it is not.
std::string why_not_in_kernel(const testing::Described& one, const classify::RuleSet& rules, const classify::CompiledRules& tables) {
  const auto direct = classify::decide(one.facts, rules).in_force();
  const auto by_tables = classify::evaluate(one.facts, tables).verdict.in_force();
  if (direct != by_tables) {
    const auto& why = direct.rule ? tables.placement[direct.rule - 1].why : std::string();
    return std::string(rules.rule_name(direct.rule)) + ": " + (why.empty() ? "the tables say otherwise" : why);
  }
  if (!one.guest.empty() && one.guest != "generic")
    return "a VM at once, of kind " + one.guest + " once its command line was read";
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) fatal("usage: corpus_bench RULES_FOLDER CORPUS_FOLDER");
  begin("corpus");
  const auto rules = config::parse_rules(shipped_rules(argv[1]));
  if (!rules) fatal(config::to_string(rules.error()));
  const auto tables = classify::compile(*rules);
  struct Family {
    std::size_t all = 0, in_kernel = 0;
  };
  std::map<std::string, Family> families;
  Family total;
  std::vector<std::string> others;
  for (auto& one : testing::read_corpus(argv[2])) {
    testing::place(one, *rules);
    const auto why = why_not_in_kernel(one, *rules, tables);
    for (auto* family : {&families[one.family], &total}) {
      ++family->all;
      family->in_kernel += why.empty();
    }
    if (!why.empty()) others.push_back(one.where + "  " + why);
  }
  const auto line = [](const std::string& name, const Family& family) {
    std::printf("%-20s %4zu of %4zu decided in the kernel, %5.1f %%\n", name.c_str(), family.in_kernel, family.all,
                100.0 * static_cast<double>(family.in_kernel) / static_cast<double>(family.all));
  };
  for (const auto& [name, family] : families) line(name, family);
  line("all", total);
  for (const auto& other : others) std::printf("  %s\n", other.c_str());
  return 0;
}
