// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/ananicy.hpp"

#include <doctest/doctest.h>

#include "core/classify/compile.hpp"
#include "core/classify/decide.hpp"
#include "core/classify/names.hpp"
#include "core/classify/table_eval.hpp"
#include "core/config/rules.hpp"

using namespace vigil;
using namespace vigil::config;

namespace {

SourceFile file(const char* path, const char* text) { return {path, text, -1}; }

classify::RuleSet ours(const char* text) {
  auto rules = parse_rules({{"ours.toml", text, 0}});
  REQUIRE(rules);
  return *rules;
}

classify::RuleSet nobody() { return ours("[[rule]]\nname = \"nobody\"\nclass = \"ai\"\nexe = \"nobody\"\n"); }

// By the rules, which the tables must agree with.
WorkloadClass klass(const classify::RuleSet& rules, classify::Facts facts) {
  const auto said = classify::decide(facts, rules).in_force();
  CHECK(classify::evaluate(facts, classify::compile(rules)).verdict.in_force() == said);
  return said.klass;
}

const SourceFile kTypes = file("/a/00.types", R"(
# what ananicy makes of a type
{ "type": "Game", "nice": -7, "ioclass": "best-effort" }
{ "type": "Heavy_Render", "nice": 12 }   # behind it, too
{"type":"Snappy","nice":-3}
{ "type": "Quiet", "cgroup": "cpu80" }
{ "type": "Indifferent", "nice": 0 }
)");
const SourceFile kGroups = file("/a/00.cgroups", "{ \"cgroup\": \"cpu80\", \"CPUQuota\": 80 }\n");

}  // namespace

TEST_CASE("ananicy: names get the class of their type, Windows programs by their first argument") {
  auto rules = nobody();
  const auto done = import_ananicy({file("/a/games/x.rules", R"(
{ "name": "Foo Bar.exe", "type": "Game" }
{ "name": "render-all", "type": "Heavy_Render" }
{ "name": "viewer", "type": "Snappy" }
{ "name": "sync-it", "type": "Quiet" }
{ "name": "whatever", "type": "Indifferent" }
{ "name": "no-such-type", "type": "Nowhere" }
{ "name": "plain", "nice": 5 }
)"), kTypes, kGroups}, rules);
  CHECK(done.mistakes.empty());
  CHECK(done.names == 4);
  CHECK(done.without == 3);
  CHECK(klass(rules, {.exe = "/p/wine64-preloader", .argv = {"Z:\\g\\Foo Bar.exe"}}) == WorkloadClass::gaming);
  CHECK(klass(rules, {.exe = "/p/foo bar.exe", .argv = {"foo bar.exe"}}) == WorkloadClass::regular);
  CHECK(klass(rules, {.exe = "/usr/bin/render-all", .argv = {"x"}}) == WorkloadClass::batch);
  CHECK(klass(rules, {.exe = "/usr/bin/python3", .script = "/usr/bin/viewer", .argv = {"python3"}}) == WorkloadClass::interactive);
  CHECK(klass(rules, {.exe = "/usr/bin/sync-it", .argv = {"x"}}) == WorkloadClass::batch);
  for (const auto* name : {"whatever", "no-such-type", "plain"})
    CHECK(klass(rules, {.exe = name, .argv = {name}}) == WorkloadClass::regular);
  CHECK(rules.find("ananicy:Game"));
}

TEST_CASE("ananicy: any rule of ours comes before, whatever its priority") {
  auto rules = ours("[[rule]]\nname = \"weak\"\npriority = 0\nclass = \"ai\"\nexe = \"both\"\n");
  import_ananicy({file("/a/x.rules", "{\"name\":\"both\",\"type\":\"Game\"}\n"), kTypes}, rules);
  CHECK(klass(rules, {.exe = "both", .argv = {"both"}}) == WorkloadClass::ai);
}

TEST_CASE("ananicy: the last line of a name counts, and the usual types are known without their file") {
  auto rules = nobody();
  const auto done = import_ananicy({file("/a/x.rules", "{\"name\":\"n\",\"type\":\"Game\"}\n{\"name\":\"n\",\"type\":\"BG_CPUIO\"}\n")}, rules);
  CHECK(done.names == 1);
  CHECK(klass(rules, {.exe = "n", .argv = {"n"}}) == WorkloadClass::batch);
}

TEST_CASE("ananicy: lines that make no sense are named with their place and passed over") {
  auto rules = nobody();
  const auto long_name = std::string(63, 'x');
  const auto text = "{\"name\":\"good\",\"type\":\"Game\"}\n\nnonsense\n{\"name\": \"cut\n[1,2]\n{\"type\":\"Game\"}\n{\"name\":\"/usr/bin/x\",\"type\":\"Game\"}\n"
                    "{\"name\":\"y\",\"type\":7}\n{\"name\":\"" + long_name + "\",\"type\":\"Game\"}\n{\"name\":\"also-good\",\"type\":\"Game\"} # a remark\n";
  const auto done = import_ananicy({{"/a/bad.rules", text, -1}, file("/a/bad.types", "{\"nice\":1}\n{\"type\":\"T\",\"nice\":\"low\"}\n"),
                                    file("/a/bad.cgroups", "{\"CPUQuota\":5}\n")}, rules);
  REQUIRE(done.mistakes.size() == 10);
  CHECK(done.mistakes[0].to_string().starts_with("/a/bad.cgroups:1:1: no \"cgroup\""));
  CHECK(done.mistakes[1].to_string().starts_with("/a/bad.rules:3:1: not a JSON object on one line: 'nonsense'"));
  CHECK(done.mistakes[4].to_string() == "/a/bad.rules:6:1: no \"name\"");
  CHECK(done.names == 2);
  CHECK(klass(rules, {.exe = "good", .argv = {"good"}}) == WorkloadClass::gaming);
  CHECK(klass(rules, {.exe = "also-good", .argv = {"x"}}) == WorkloadClass::gaming);
}

TEST_CASE("ananicy: thousands of names are one rule and a table for the kernel, apart from the rules' own") {
  std::string text;
  for (int i = 0; i < 15800; ++i) text += "{\"name\":\"game-" + std::to_string(i) + "\",\"type\":\"Game\"}\n";
  auto rules = nobody();
  CHECK(import_ananicy({{"/a/x.rules", text, -1}}, rules).names == 15800);
  const auto tables = classify::compile(rules);
  CHECK(tables.rules.size() == 1);
  CHECK(tables.atoms.size() == 1);
  CHECK(tables.names->size() == 15800);
  CHECK(tables.name_rules.size() == 1);
  for (const auto& placement : tables.placement) CHECK(placement.in_kernel);
  CHECK(klass(rules, {.exe = "game-15799", .argv = {"x"}}) == WorkloadClass::gaming);
}
