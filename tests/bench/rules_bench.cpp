// SPDX-License-Identifier: GPL-2.0-only
//
// What it takes to bring rules into force: reading, compiling, writing them into the kernel's tables.
//
//   rules_bench RULES_FOLDER [ROUNDS]
#include <cstdio>
#include <cstdlib>

#include "base/clock.hpp"
#include "core/config/rules.hpp"
#include "edge/kernel/classifier.hpp"
#include "figures.hpp"
#include "machine.hpp"
#include "rule_sets.hpp"

using namespace vigil;
using namespace vigil::bench;

int main(int argc, char** argv) {
  if (argc < 2) fatal("usage: rules_bench RULES_FOLDER [ROUNDS]");
  begin("rules");
  const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 9;
  auto classifier = must(Classifier::load({}));
  const auto shipped = shipped_rules(argv[1]);
  std::printf("ms, median of %d [95 %% interval]\n", rounds);
  for (const std::size_t made_up : {0, 1000, 10'000}) {
    const auto files = with_made_up_rules(shipped, made_up);
    std::vector<double> parsed, compiled, installed;
    std::size_t rows = 0, atoms = 0, rules = 0;
    for (int round = 0; round < rounds; ++round) {
      const auto begin = monotonic_now();
      const auto set = config::parse_rules(files);
      if (!set) fatal(config::to_string(set.error()));
      const auto after_parse = monotonic_now();
      const auto tables = wire::encode(classify::compile(*set));
      const auto after_compile = monotonic_now();
      must(classifier.install_rules(tables));
      const auto after_install = monotonic_now();
      parsed.push_back(static_cast<double>(after_parse - begin));
      compiled.push_back(static_cast<double>(after_compile - after_parse));
      installed.push_back(static_cast<double>(after_install - after_compile));
      rules = set->rules.size();
      rows = tables.rules.size();
      atoms = tables.atoms.size();
    }
    std::printf("%6zu rules (%zu rows, %zu atoms): read %s  compiled %s  in the kernel %s\n", rules, rows,
                atoms, with_interval(middle(parsed), 1e6).c_str(),
                with_interval(middle(compiled), 1e6).c_str(), with_interval(middle(installed), 1e6).c_str());
  }
  return 0;
}
