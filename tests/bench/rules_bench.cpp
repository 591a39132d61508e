// SPDX-License-Identifier: GPL-2.0-only
//
// What it takes to bring rules into force: reading, compiling, writing them into the kernel's tables.
//
//   rules_bench RULES_FOLDER [ROUNDS]
#include <cstdio>
#include <cstdlib>

#include "base/clock.hpp"
#include "core/config/ananicy.hpp"
#include "core/config/rules.hpp"
#include "edge/kernel/classifier.hpp"
#include "figures.hpp"
#include "machine.hpp"
#include "rule_sets.hpp"

using namespace vigil;
using namespace vigil::bench;

namespace {

struct Times {
  std::vector<double> read, compiled, installed;
  std::size_t rules = 0, rows = 0, atoms = 0;
};

void once(Classifier& classifier, const std::vector<config::SourceFile>& files, const std::vector<config::SourceFile>& ananicy,
          Times& times) {
  const auto begin = monotonic_now();
  auto set = config::parse_rules(files);
  if (!set) fatal(config::to_string(set.error()));
  if (!ananicy.empty()) config::import_ananicy(ananicy, *set);
  const auto after_read = monotonic_now();
  const auto tables = wire::encode(classify::compile(*set));
  const auto after_compile = monotonic_now();
  must(classifier.install_rules(tables));
  const auto after_install = monotonic_now();
  times.read.push_back(static_cast<double>(after_read - begin));
  times.compiled.push_back(static_cast<double>(after_compile - after_read));
  times.installed.push_back(static_cast<double>(after_install - after_compile));
  times.rules = set->rules.size();
  times.rows = tables.rules.size();
  times.atoms = tables.atoms.size();
}

void report(const char* what, const Times& times) {
  std::printf("%-34s %6zu rules (%zu rows, %zu names): read %s  compiled %s  in the kernel %s\n", what, times.rules, times.rows,
              times.atoms, with_interval(middle(times.read), 1e6).c_str(), with_interval(middle(times.compiled), 1e6).c_str(),
              with_interval(middle(times.installed), 1e6).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) fatal("usage: rules_bench RULES_FOLDER [ROUNDS]");
  begin("rules");
  const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 9;
  auto classifier = must(Classifier::load({}));
  const auto shipped = shipped_rules(argv[1]);
  std::printf("ms, median of %d [95 %% interval]\n", rounds);
  const auto measure = [&](const char* what, const std::vector<config::SourceFile>& files,
                           const std::vector<config::SourceFile>& ananicy = {}) {
    Times times;
    for (int round = 0; round < rounds; ++round) once(classifier, files, ananicy, times);
    report(what, times);
  };
  measure("as shipped", shipped);
  measure("and 1,000 made up", with_made_up_rules(shipped, 1000));
  measure("and 10,000 made up", with_made_up_rules(shipped, 10'000));
  measure("and 10,000 that share long lists", with_long_lists(shipped, 10'000));
  measure("and 15,800 names from ananicy", shipped, made_up_ananicy(15'800));
  return 0;
}
