// SPDX-License-Identifier: GPL-2.0-only
//
// The built-in rules against described processes (tests/fixtures/rules), by both evaluations.
#include <doctest/doctest.h>

#include "core/classify/compile.hpp"
#include "core/classify/decide.hpp"
#include "core/classify/look.hpp"
#include "core/classify/table_eval.hpp"
#include "core/config/rules.hpp"
#include "edge/files/config_files.hpp"
#include "support/corpus.hpp"

using namespace vigil;
using namespace vigil::classify;

TEST_CASE("corpus: every described process gets its class, by the rules and by the tables") {
  const auto files = edge::read_rule_folders({RULES_DIR});
  REQUIRE(files);
  const auto parsed = config::parse_rules(*files);
  if (!parsed) FAIL(config::to_string(parsed.error()));
  const auto& rules = *parsed;
  const auto tables = compile(rules);
  const auto corpus = testing::read_corpus(CORPUS_DIR);
  CHECK(corpus.size() >= 300);

  std::size_t in_kernel = 0, lookups = 0, tried = 0;
  std::vector<std::string> elsewhere;
  for (auto one : corpus) {
    CAPTURE(one.where);
    testing::place(one, rules);
    const auto direct = decide(one.facts, rules);
    const auto by_tables = evaluate(one.facts, tables);
    const auto force = direct.in_force();
    const std::string rule(rules.rule_name(force.rule));
    CHECK_MESSAGE(to_string(force.klass) == one.want, "decided by " << rule);
    if (!one.kind.empty()) CHECK(rules.kinds[force.kind] == one.kind);
    if (!one.rule.empty()) CHECK(rule == one.rule);
    if (one.appid >= 0) CHECK(direct.appid == one.appid);
    if (!one.guest.empty()) {
      CHECK(to_string(look_at_vm(one.facts.argv).kind) == one.guest);
      CHECK(direct.refine);
    }
    auto without_refine = by_tables.verdict;
    without_refine.refine = direct.refine;
    if (without_refine == direct)
      ++in_kernel;
    else
      elsewhere.push_back(one.where + " " + rule);
    lookups += by_tables.lookups;
    tried += by_tables.tried;
  }
  const auto share = 100.0 * static_cast<double>(in_kernel) / static_cast<double>(corpus.size());
  MESSAGE(corpus.size() << " processes, " << share << " % decided in the kernel, " << lookups / corpus.size() << " lookups and "
                        << tried / corpus.size() << " rules tried a process");
  for (const auto& where : elsewhere) MESSAGE("left to the daemon: " << where);
  CHECK(share >= 95);
}
