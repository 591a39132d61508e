// SPDX-License-Identifier: GPL-2.0-only
//
// The built-in rules against described processes (tests/fixtures/rules), by both evaluations.
#include <doctest/doctest.h>

#include <filesystem>
#include <toml++/toml.h>

#include "base/text.hpp"
#include "core/classify/compile.hpp"
#include "core/classify/decide.hpp"
#include "core/classify/table_eval.hpp"
#include "core/config/rules.hpp"
#include "edge/files/config_files.hpp"

using namespace vigil;
using namespace vigil::classify;

namespace {

struct Case {
  std::string where;
  Facts facts;
  std::vector<std::string> marks;
  std::optional<std::string> before;
  std::string want, kind, rule;
  std::int64_t appid = -1;
};

std::vector<std::string> strings(const toml::table& table, std::string_view key) {
  std::vector<std::string> out;
  if (const auto* array = table[key].as_array())
    for (const auto& element : *array) out.push_back(element.value<std::string>().value());
  return out;
}

std::vector<Case> read_corpus() {
  std::vector<Case> out;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(CORPUS_DIR)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    const auto file = toml::parse_file(path.string());
    for (const auto& element : *file["process"].as_array()) {
      const auto& table = *element.as_table();
      const auto text = [&](std::string_view key) { return table[key].value<std::string>().value_or(""); };
      Case one;
      one.where = path.filename().string() + ":" + std::to_string(element.source().begin.line);
      for (const auto& [key, value] : table) {
        static const std::vector<std::string> known = {"exe", "script", "cmd", "argv", "env", "comm", "cgroup", "kernel", "before", "marks", "want", "kind", "rule", "appid"};
        if (std::find(known.begin(), known.end(), key.str()) == known.end()) FAIL(one.where, ": unknown key ", key.str());
      }
      one.facts.exe = text("exe");
      one.facts.script = text("script");
      one.facts.argv = strings(table, "argv");
      if (const auto cmd = text("cmd"); !cmd.empty())
        for (const auto word : split(cmd, ' ')) one.facts.argv.emplace_back(word);
      one.facts.env = strings(table, "env");
      one.facts.comm = text("comm").empty() ? std::string(base_name(one.facts.exe)) : text("comm");
      one.facts.cgroup = text("cgroup");
      for (const auto& flag : strings(table, "kernel")) one.facts.flags |= flag_bit(parse_kernel_flag(flag).value());
      one.marks = strings(table, "marks");
      if (table.contains("before")) one.before = text("before");
      one.want = text("want");
      one.kind = text("kind");
      one.rule = text("rule");
      one.appid = table["appid"].value<std::int64_t>().value_or(-1);
      if (one.want != "regular") CHECK_MESSAGE(parse_workload_class(one.want), one.where);
      out.push_back(std::move(one));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("corpus: every described process gets its class, by the rules and by the tables") {
  const auto files = edge::read_rule_folders({RULES_DIR});
  REQUIRE(files);
  const auto parsed = config::parse_rules(*files);
  if (!parsed) FAIL(config::to_string(parsed.error()));
  const auto& rules = *parsed;
  const auto tables = compile(rules);
  const auto corpus = read_corpus();
  CHECK(corpus.size() >= 300);

  std::size_t in_kernel = 0, lookups = 0, tried = 0;
  std::vector<std::string> elsewhere;
  for (auto one : corpus) {
    CAPTURE(one.where);
    for (const auto& mark : one.marks) {
      const auto it = std::find(rules.marks.begin(), rules.marks.end(), mark);
      REQUIRE_MESSAGE(it != rules.marks.end(), mark);
      one.facts.marks |= 1U << (it - rules.marks.begin());
    }
    if (one.before) one.facts.previous = {1, parse_workload_class(*one.before).value(), 0, kInherit};
    const auto direct = decide(one.facts, rules);
    const auto by_tables = evaluate(one.facts, tables);
    const auto force = direct.in_force();
    const std::string rule(rules.rule_name(force.rule));
    CHECK_MESSAGE(to_string(force.klass) == one.want, "decided by " << rule);
    if (!one.kind.empty()) CHECK(rules.kinds[force.kind] == one.kind);
    if (!one.rule.empty()) CHECK(rule == one.rule);
    if (one.appid >= 0) CHECK(direct.appid == one.appid);
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
