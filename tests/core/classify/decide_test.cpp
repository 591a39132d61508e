// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/decide.hpp"

#include <doctest/doctest.h>

#include "builders.hpp"

using namespace vigil;
using namespace vigil::classify;

namespace {

// Both evaluations, which must agree.
Verdict judge(const Facts& facts, const RuleSet& rules) {
  const auto tables = compile(rules);
  const auto only = kernel_rules(tables);
  const auto by_tables = evaluate(facts, tables).verdict;
  CHECK(by_tables == decide(facts, rules, &only));
  return decide(facts, rules);
}

WorkloadClass class_of(const Facts& facts, const RuleSet& rules) { return judge(facts, rules).in_force().klass; }

}  // namespace

TEST_CASE("patterns: one star is cheap wherever it stands") {
  CHECK(make_pattern(Field::exe, "foo").shape == Shape::exact);
  CHECK(make_pattern(Field::exe, "foo*").shape == Shape::prefix);
  CHECK(make_pattern(Field::exe, "*.exe").shape == Shape::suffix);
  CHECK(make_pattern(Field::comm, "CPU */KVM").shape == Shape::pair);
  CHECK(make_pattern(Field::exe, "*foo*").shape == Shape::glob);
  CHECK(make_pattern(Field::exe, "fo?").shape == Shape::glob);
  CHECK(matches(make_pattern(Field::comm, "CPU */KVM"), "CPU 12/KVM"));
  CHECK_FALSE(matches(make_pattern(Field::exe, "ab*ba"), "aba"));
  CHECK(written(make_pattern(Field::comm, "CPU */KVM")) == "CPU */KVM");
  CHECK(describe(make_pattern(Field::arg, "*.exe")) == "argv ends with .exe");
}

TEST_CASE("decide: a rule is an AND of conditions, a condition an OR of patterns") {
  const auto rules = rule_set({rule("t:a").is(WorkloadClass::gaming).when(Field::env, {"ALPHA"}).when(Field::env, {"BETA", "GAMMA"})});
  Facts facts{.exe = "/bin/x", .env = {"ALPHA=1"}};
  CHECK(class_of(facts, rules) == WorkloadClass::regular);
  facts.env.push_back("GAMMA=");
  CHECK(class_of(facts, rules) == WorkloadClass::gaming);
  facts.env = {"GAMMA=1", "BETA=1"};
  CHECK(class_of(facts, rules) == WorkloadClass::regular);
}

TEST_CASE("decide: the higher priority wins, then the later rule, then nothing else") {
  const auto rules = rule_set({rule("t:low").is(WorkloadClass::batch).when(Field::exe, {"x"}).priority(1),
                               rule("t:high").is(WorkloadClass::ai).when(Field::exe, {"x"}).priority(9),
                               rule("t:first").is(WorkloadClass::vm).when(Field::exe, {"y"}),
                               rule("t:second").is(WorkloadClass::gaming).when(Field::exe, {"y"})});
  CHECK(class_of({.exe = "/x"}, rules) == WorkloadClass::ai);
  CHECK(class_of({.exe = "/y"}, rules) == WorkloadClass::gaming);
}

TEST_CASE("decide: a person's folder comes before the built-in one whatever the priority") {
  const auto rules = rule_set({rule("a:built-in").is(WorkloadClass::batch).when(Field::exe, {"x"}).priority(900),
                               rule("b:mine").is(WorkloadClass::gaming).when(Field::exe, {"x"}).layer(1)});
  CHECK(class_of({.exe = "/x"}, rules) == WorkloadClass::gaming);
}

TEST_CASE("decide: thread before image before cgroup before ancestry") {
  const auto rules = rule_set({rule("t:vcpu").is(WorkloadClass::vm).when(Field::comm, {"CPU */KVM"}).when(Field::exe, {"qemu-*"}),
                               rule("t:image").is(WorkloadClass::ai).when(Field::exe, {"qemu-*"}),
                               rule("t:group").is(WorkloadClass::container).when(Field::cgroup, {"docker-*.scope"})});
  Facts facts{.exe = "/usr/bin/qemu-system-x86_64", .comm = "CPU 0/KVM", .cgroup = "/system.slice/docker-0a.scope"};
  facts.previous = {1, WorkloadClass::gaming, 0, kInherit};
  CHECK(judge(facts, rules).level() == Level::thread);
  facts.comm = "worker";
  CHECK(judge(facts, rules).level() == Level::image);
  facts.exe = "/bin/sleep";
  CHECK(judge(facts, rules).level() == Level::cgroup);
  facts.cgroup = "/user.slice";
  CHECK(judge(facts, rules).in_force().klass == WorkloadClass::gaming);
  facts.previous.flags = 0;
  CHECK_FALSE(judge(facts, rules).level());
}

TEST_CASE("decide: the nearest cgroup that a rule speaks about decides, its children inherit") {
  const auto rules = rule_set({rule("t:system").is(WorkloadClass::batch).when(Field::cgroup, {"system.slice"}).priority(900),
                               rule("t:docker").is(WorkloadClass::container).when(Field::cgroup, {"docker-*.scope"})});
  CHECK(class_of({.cgroup = "/system.slice/docker-0a.scope/payload"}, rules) == WorkloadClass::container);
  CHECK(class_of({.cgroup = "/system.slice/ssh.service"}, rules) == WorkloadClass::batch);
  CHECK(class_of({.cgroup = "/docker-0a.slice"}, rules) == WorkloadClass::regular);
}

TEST_CASE("decide: a cgroup rule sees the groups above") {
  const auto rules = rule_set({rule("t:system").is(WorkloadClass::batch).when(Field::cgroup, {"system.slice"}).unless(Field::cgroup, {"docker-*"}),
                               rule("t:both").is(WorkloadClass::ai).when(Field::cgroup, {"kubepods*"}).when(Field::cgroup, {"gpu-*"})});
  CHECK(class_of({.cgroup = "/docker-0a.scope/system.slice"}, rules) == WorkloadClass::regular);
  CHECK(class_of({.cgroup = "/kubepods.slice/gpu-1"}, rules) == WorkloadClass::ai);
  CHECK(class_of({.cgroup = "/gpu-1/kubepods.slice"}, rules) == WorkloadClass::ai);
  CHECK(class_of({.cgroup = "/kubepods.slice/cpu-1"}, rules) == WorkloadClass::regular);
}

TEST_CASE("decide: a boundary ends what is inherited, and the marks") {
  const auto rules = rule_set({rule("t:shell").when(Field::exe, {"bash"}).flags(kBoundary).previous(WorkloadClass::gaming),
                               rule("t:strong").is(WorkloadClass::batch).when(Field::env, {"STRONG"}).priority(500)});
  Facts facts{.exe = "/bin/bash"};
  facts.previous = {2, WorkloadClass::gaming, 0, kInherit};
  facts.marks = 1;
  auto verdict = judge(facts, rules);
  CHECK(verdict.boundary == 1);
  CHECK(verdict.marks == 0);
  CHECK_FALSE(verdict.level());

  facts.previous.klass = WorkloadClass::batch;
  CHECK(judge(facts, rules).in_force().klass == WorkloadClass::batch);

  facts.previous.klass = WorkloadClass::gaming;
  facts.env = {"STRONG=1"};
  verdict = judge(facts, rules);
  CHECK(verdict.boundary == 0);
  CHECK(verdict.marks == 1);
}

TEST_CASE("decide: marks are set, asked for and forbidden") {
  const auto rules = rule_set({rule("t:root").when(Field::exe, {"steam"}).mark(1),
                               rule("t:child").is(WorkloadClass::gaming).when(Field::flag, {"any"}).under(1).not_under(2)});
  CHECK(judge({.exe = "/steam"}, rules).marks == 1);
  CHECK(class_of({.exe = "/steam"}, rules) == WorkloadClass::regular);
  CHECK(class_of({.exe = "/game", .marks = 1}, rules) == WorkloadClass::gaming);
  CHECK(class_of({.exe = "/game", .marks = 3}, rules) == WorkloadClass::regular);
}

TEST_CASE("decide: a rule without a class never hides one with a class") {
  const auto rules = rule_set({rule("t:note").when(Field::exe, {"x"}).flags(kRefine).priority(900),
                               rule("t:class").is(WorkloadClass::ai).when(Field::exe, {"x"})});
  const auto verdict = judge({.exe = "/x"}, rules);
  CHECK(verdict.refine);
  CHECK(verdict.in_force().klass == WorkloadClass::ai);
}

TEST_CASE("decide: the AppID is the number behind a variable, an argument or a cgroup's name") {
  auto rules = rule_set({});
  rules.captures = {{make_pattern(Field::env, "SteamAppId")}, {make_pattern(Field::arg, "AppId=*")}, {make_pattern(Field::cgroup, "app-steam-app*")}};
  CHECK(judge({.env = {"SteamAppId=1091500"}}, rules).appid == 1091500);
  CHECK(judge({.argv = {"reaper", "SteamLaunch", "AppId=570", "--"}}, rules).appid == 570);
  CHECK(judge({.cgroup = "/user.slice/app-steam-app730-4242.scope"}, rules).appid == 730);
  CHECK(judge({.env = {"SteamAppId=0"}, .cgroup = "/app-steam-app730-1.scope/x"}, rules).appid == 730);
  CHECK(judge({.env = {"SteamAppId=99999999999"}}, rules).appid == 0);
  CHECK(judge({.env = {"SteamAppId=x"}}, rules).appid == 0);
}

TEST_CASE("decide: an argument behind the 64th is not seen, a folder behind the eighth neither") {
  const auto rules = rule_set({rule("t:arg").is(WorkloadClass::ai).when(Field::arg, {"--late"}),
                               rule("t:dir").is(WorkloadClass::gaming).when(Field::dir, {"root"})});
  Facts facts{.argv = std::vector<std::string>(63, "a")};
  facts.argv.push_back("--late");
  CHECK(class_of(facts, rules) == WorkloadClass::ai);
  facts.argv.insert(facts.argv.begin(), "a");
  CHECK(class_of(facts, rules) == WorkloadClass::regular);
  CHECK(class_of({.exe = "/root/2/3/4/5/6/7/8/exe"}, rules) == WorkloadClass::gaming);
  CHECK(class_of({.exe = "/root/1/2/3/4/5/6/7/8/exe"}, rules) == WorkloadClass::regular);
}

TEST_CASE("decide: argv[0] ends at a slash or a backslash") {
  const auto rules = rule_set({rule("t:a").is(WorkloadClass::gaming).when(Field::arg0, {"Game.exe"})});
  CHECK(class_of({.argv = {"Z:\\home\\u\\Game.exe"}}, rules) == WorkloadClass::gaming);
  CHECK(class_of({.argv = {"/home/u/Game.exe"}}, rules) == WorkloadClass::gaming);
  CHECK(class_of({.argv = {"wine", "Game.exe"}}, rules) == WorkloadClass::regular);
}

TEST_CASE("explain: says what decided, what held and lost, and what was missing") {
  const auto rules = rule_set({rule("t:low").is(WorkloadClass::batch).when(Field::exe, {"x"}).priority(1),
                               rule("t:high").is(WorkloadClass::ai).when(Field::exe, {"x"}).priority(9),
                               rule("t:more").is(WorkloadClass::gaming).when(Field::exe, {"x"}).when(Field::env, {"MORE", "MOST"}),
                               rule("t:none").is(WorkloadClass::vm).when(Field::exe, {"other"})});
  const auto out = explain({.exe = "/x"}, rules);
  CHECK(out.evidence == std::vector<std::string>{"executable x"});
  REQUIRE(out.considered.size() == 2);
  CHECK(out.considered[0].held);
  CHECK(out.considered[0].why == "t:high has a higher priority");
  CHECK_FALSE(out.considered[1].held);
  CHECK(out.considered[1].why == "wants env MORE or env MOST");
}
