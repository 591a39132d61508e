// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/compile.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "builders.hpp"

using namespace vigil;
using namespace vigil::classify;

TEST_CASE("compile: hashes are FNV-1a, a suffix's from its end") {
  CHECK(hash_forward("") == 0xcbf29ce484222325ULL);
  CHECK(hash_forward("a") == 0xaf63dc4c8601ec8cULL);
  CHECK(hash_backward("exe.") == hash_forward(".exe"));
  CHECK(atom_key(Field::flag, Shape::exact, "kworker").hash == 2);
}

TEST_CASE("compile: a rule with one condition needs no signal bit") {
  const auto tables = compile(rule_set({rule("t:a").is(WorkloadClass::ai).when(Field::exe, {"x", "y"})}));
  CHECK(tables.signals_used == 0);
  REQUIRE(tables.rules.size() == 1);
  CHECK(tables.atoms.size() == 2);
  CHECK(tables.cands.size() == 2);
}

TEST_CASE("compile: equal conditions share a bit") {
  const auto tables = compile(rule_set({rule("t:a").is(WorkloadClass::ai).when(Field::exe, {"x"}).unless(Field::env, {"EVIL", "WORSE"}),
                                        rule("t:b").is(WorkloadClass::vm).when(Field::exe, {"y"}).unless(Field::env, {"WORSE", "EVIL"})}));
  CHECK(tables.signals_used == 1);
  CHECK(tables.rules[0].avoid == tables.rules[1].avoid);
}

TEST_CASE("compile: the rarest condition is the anchor") {
  const auto tables = compile(rule_set({rule("t:a").is(WorkloadClass::ai).when(Field::env, {"HOME"}).when(Field::exe, {"x"})}));
  for (const auto& [key, atom] : tables.atoms)
    CHECK((atom.cand_count == 1) == (key.field == static_cast<std::uint8_t>(Field::exe)));
}

TEST_CASE("compile: a thread rule is found by the thread's name, whatever else it asks for") {
  const auto tables = compile(rule_set({rule("t:a").is(WorkloadClass::vm).when(Field::exe, {"qemu"}).when(Field::comm, {"CPU */KVM"})}));
  REQUIRE(tables.rules.size() == 1);
  for (const auto& [key, atom] : tables.atoms)
    CHECK((atom.cand_count == 1) == (key.field == static_cast<std::uint8_t>(Field::comm) && key.op == 1));
}

TEST_CASE("compile: what the kernel cannot decide goes to the daemon and says why") {
  const auto tables = compile(rule_set({rule("t:path").is(WorkloadClass::ai).when(Field::exe_path, {"/opt/*/x"}),
                                        rule("t:glob").is(WorkloadClass::ai).when(Field::exe, {"*x*"}).when(Field::env, {"HOME"}),
                                        rule("t:short").is(WorkloadClass::ai).when(Field::env, {"AB"}),
                                        rule("t:group").is(WorkloadClass::ai).when(Field::cgroup_path, {"/a/*/b"}),
                                        rule("t:long").is(WorkloadClass::ai).when(Field::exe, {std::string(63, 'x')}),
                                        rule("t:lap").is(WorkloadClass::ai).when(Field::exe, {"ab*ba"})}));
  for (const auto& placement : tables.placement) {
    CHECK_FALSE(placement.in_kernel);
    CHECK_FALSE(placement.why.empty());
  }
  CHECK(tables.placement[0].every_exec);
  CHECK_FALSE(tables.placement[1].every_exec);
  CHECK(tables.user_cgroup_rules);
  for (const auto& row : tables.rules) {
    CHECK(row.klass == kNoClass);
    CHECK(row.flags == kRefine);
  }
}

TEST_CASE("compile: when no bit is left the rule goes to the daemon, the others stay") {
  std::vector<Rule> many;
  for (std::size_t i = 0; i < kSignals + 40; ++i)
    many.push_back(rule("t:" + std::to_string(i)).is(WorkloadClass::ai).when(Field::exe, {"x" + std::to_string(i)}).when(
        Field::env, {"VARIABLE" + std::to_string(i)}));
  const auto rules = rule_set(many);
  const auto tables = compile(rules);
  CHECK(tables.signals_used == kSignals);
  for (std::size_t i = 0; i < many.size(); ++i) CHECK(tables.placement[i].in_kernel == (i < kSignals));
  CHECK(evaluate({.exe = "/x280", .env = {"VARIABLE280=1"}}, tables).verdict.refine);
  CHECK(evaluate({.exe = "/x200", .env = {"VARIABLE200=1"}}, tables).verdict.in_force().klass == WorkloadClass::ai);
}

TEST_CASE("compile: one name brings up no more rules than are tried") {
  std::vector<Rule> many;
  for (int i = 0; i < 300; ++i) many.push_back(rule("t:" + std::to_string(i)).is(WorkloadClass::ai).when(Field::exe, {"x"}));
  const auto tables = compile(rule_set(many));
  for (const auto& [key, atom] : tables.atoms) CHECK(atom.cand_count <= kMaxCands);
}

namespace {

// Rules and processes out of a few words, so that they meet often.
class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed) {}

  RuleSet rules() {
    std::vector<Rule> out;
    const auto count = 1 + pick(12);
    for (std::uint32_t i = 0; i < count; ++i) out.push_back(make_rule(i));
    auto set = rule_set(std::move(out));
    set.captures = {{make_pattern(Field::env, "alpha")}, {make_pattern(Field::arg, "beta*")}, {make_pattern(Field::cgroup, "gamma*")}};
    return set;
  }

  Facts facts() {
    Facts out;
    out.exe = path();
    if (pick(3) == 0) out.script = path();
    for (std::uint32_t i = pick(4); i > 0; --i) out.argv.push_back(pick(3) ? word() : path());
    for (std::uint32_t i = pick(5); i > 0; --i) out.env.push_back(word() + "=" + (pick(2) ? word() : std::to_string(pick(2000))));
    out.comm = word();
    out.cgroup = path();
    out.flags = pick(128);
    out.previous = {pick(2), static_cast<WorkloadClass>(pick(5)), 0, static_cast<std::uint8_t>(pick(2))};
    out.marks = pick(4);
    return out;
  }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  std::string word() {
    static const std::vector<std::string> words = {"alpha", "alphabet", "beta", "betamax", "gamma", "gamma.exe", "alpha.exe", "delta", "a.exe", "bet.scope", "gamma12"};
    return words[pick(static_cast<std::uint32_t>(words.size()))];
  }
  std::string path() { return "/" + word() + "/" + word() + (pick(2) ? "/" + word() : ""); }

  std::string pattern(Field field) {
    const bool counted = field == Field::arg || field == Field::env;
    switch (pick(7)) {
      case 0: return counted ? "alph*" : "al*";
      case 1: return field == Field::env ? "beta*" : "*.exe";
      case 2: return counted ? "gamm*" : "ga*xe";
      case 3: return field == Field::env ? "alpha=" + word() : "*a*";
      default: return word();
    }
  }

  Rule make_rule(std::uint32_t i) {
    auto builder = rule("t:" + std::to_string(i));
    static constexpr std::array kImage = {Field::exe, Field::script, Field::arg0, Field::arg, Field::env, Field::dir, Field::cgroup, Field::flag, Field::exe_path};
    const auto kind = pick(4);
    const bool thread = kind == 0, group = kind == 1;
    if (pick(5) || thread || group)
      builder.is(static_cast<WorkloadClass>(1 + pick(5)));
    else
      builder.flags(pick(2) ? kBoundary : kRefine).mark(pick(4));
    for (std::uint32_t n = 1 + pick(3); n > 0; --n) {
      const auto field = group ? Field::cgroup : kImage[pick(kImage.size())];
      std::vector<std::string> any;
      for (std::uint32_t k = 1 + pick(3); k > 0; --k)
        any.push_back(field == Field::flag ? std::string(std::array{"nice", "any", "script"}[pick(3)]) : field == Field::exe_path ? "/alpha*" : pattern(field));
      if (pick(4))
        builder.when(field, any);
      else
        builder.unless(field, any);
    }
    if (thread) builder.when(Field::comm, {pick(2) ? word() : "al*et"});
    if (group) builder.when(Field::cgroup, {pick(2) ? word() : "be*pe"});
    builder.priority(pick(3));
    if (!group && !thread) {
      if (pick(4) == 0) builder.previous(static_cast<WorkloadClass>(pick(5)));
      if (pick(4) == 0) builder.under(pick(4));
      if (pick(4) == 0) builder.not_under(pick(4));
    }
    return as_parsed(builder);
  }

  // What a parser would see to: NAME=value is a field of its own, and a cgroup knows neither marks nor a class before.
  static Rule as_parsed(Rule rule) {
    if (level_of(rule.conditions) == Level::cgroup) {
      rule.flags = 0;
      rule.mark = rule.under = rule.not_under = rule.previous = 0;
      if (!rule.klass) rule.klass = WorkloadClass::batch;
    }
    for (auto& condition : rule.conditions) {
      Patterns parsed;
      for (auto pattern : condition.any) {
        if (pattern.field == Field::env && pattern.text.find('=') != std::string::npos) pattern.field = Field::env_value;
        parsed.push_back(pattern);
      }
      condition.any = parsed;
    }
    return rule;
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("compile: the tables say what the rules say") {
  std::size_t decided = 0, refined = 0;
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    World world(seed);
    const auto rules = world.rules();
    const auto tables = compile(rules);
    const auto only = kernel_rules(tables);
    for (int i = 0; i < 10; ++i) {
      const auto facts = world.facts();
      auto direct = decide(facts, rules, &only);
      auto by_tables = evaluate(facts, tables).verdict;
      // A rule that only the daemon can decide must have been announced where it holds.
      for (std::size_t r = 0; r < rules.rules.size(); ++r) {
        const auto& rule = rules.rules[r];
        if (only[r] || rule.level == Level::cgroup || !holds(rule, facts)) continue;
        const bool announced = by_tables.refine || tables.placement[r].why.ends_with("never decided");
        if (!announced) FAIL("seed ", seed, " rule ", rule.name);
        ++refined;
      }
      by_tables.refine = direct.refine = false;
      if (by_tables != direct) FAIL("seed ", seed, " process ", i);
      decided += direct.level().has_value();
    }
  }
  // The generator must not make a world in which nothing ever happens.
  CHECK(decided > 5000);
  CHECK(refined > 500);
}

TEST_CASE("compile: a rule on opened devices waits for the opening and does not look at every exec") {
  const auto set = rule_set({rule("t:kvm").is(WorkloadClass::vm).when(Field::device, {"kvm"}),
                             rule("t:not").is(WorkloadClass::ai).when(Field::exe, {"x"}).unless(Field::device, {"kvm"})});
  const auto tables = compile(set);
  CHECK_FALSE(tables.placement[0].in_kernel);
  CHECK_FALSE(tables.placement[0].every_exec);
  CHECK(tables.placement[0].why.find("when the device is opened") != std::string::npos);
  CHECK(std::none_of(tables.rules.begin(), tables.rules.end(), [](const RuleRow& row) { return row.id == 1; }));
  CHECK_FALSE(tables.placement[1].in_kernel);

  Facts facts;
  facts.exe = "/usr/bin/unheard-of";
  CHECK_FALSE(holds(set.rules[0], facts));
  facts.devices = device_bit(DeviceKind::kvm) | device_bit(DeviceKind::nvidia);
  CHECK(holds(set.rules[0], facts));
}
