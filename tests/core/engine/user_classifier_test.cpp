// SPDX-License-Identifier: GPL-2.0-only
#include "core/engine/user_classifier.hpp"

#include <doctest/doctest.h>

#include "../classify/builders.hpp"

using namespace vigil;
using classify::Field;
using classify::rule;
using classify::rule_set;

namespace {

constexpr auto kInherit = classify::kInherit;

const classify::CompiledRules& rules() {
  static const auto compiled = classify::compile(rule_set({
      rule("game").is(WorkloadClass::gaming).when(Field::env, {"SteamAppId"}).flags(kInherit),
      rule("client").flags(classify::kBoundary).when(Field::exe, {"steam"}),
      rule("audio").is(WorkloadClass::latency).when(Field::comm, {"pw-data*"}),
      rule("box").is(WorkloadClass::container).when(Field::cgroup, {"docker-*"}),
      rule("guest").is(WorkloadClass::vm).when(Field::exe, {"qemu*"}).flags(classify::kRefine),
  }));
  return compiled;
}

ProcessImage image(std::uint32_t pid, std::uint32_t ppid, std::string exe, std::vector<std::string> env = {},
                   std::string cgroup = "/user.slice") {
  ProcessImage out;
  out.key = {pid, 10'000'000ULL * pid};
  out.ppid = ppid;
  out.uid = 1000;
  out.threads = 1;
  out.comm = exe;
  out.exe = "/usr/bin/" + exe;
  out.argv = {exe};
  out.env = std::move(env);
  out.cgroup_path = std::move(cgroup);
  return out;
}

UserClassifier classifier() {
  UserClassifier out;
  out.use(rules());
  return out;
}

}  // namespace

TEST_CASE("user classifier: an exec is decided by the tables, by the daemon, and says how late") {
  auto it = classifier();
  const auto event = it.on_exec(image(42, 1, "game", {"SteamAppId=7"}), 1000, 1500);
  CHECK(event.kind == Cause::exec);
  CHECK(event.leader);
  CHECK(event.changed);
  CHECK(event.exe == "game");
  CHECK(event.verdict.klass == WorkloadClass::gaming);
  REQUIRE(event.verdict.in_force());
  CHECK(event.verdict.in_force()->source == Source::daemon);
  CHECK(rules().rule_name(event.verdict.in_force()->rule) == "game");
  CHECK(event.verdict.decided_ns - event.verdict.event_ns == 500);
  CHECK(rules().atom_name(event.verdict.evidence[0]) == "env SteamAppId");
}

TEST_CASE("user classifier: a child is its parent's copy, and what it executes keeps the class") {
  auto it = classifier();
  it.on_exec(image(42, 1, "game", {"SteamAppId=7"}), 1000, 1500);
  const auto child = it.on_fork(42, {43, 430'000'000}, 2000, 2100);
  CHECK(child.verdict.klass == WorkloadClass::gaming);
  CHECK(child.verdict.inherited_from == 42);
  CHECK_FALSE(child.changed);
  const auto helper = it.on_exec(image(43, 42, "helper"), 3000, 3100);
  CHECK(helper.verdict.klass == WorkloadClass::gaming);
  CHECK(helper.verdict.level == Level::ancestry);
  CHECK(helper.verdict.inherited_from == 42);
  const auto client = it.on_exec(image(43, 42, "steam"), 4000, 4100);
  CHECK(client.verdict.klass == WorkloadClass::regular);
  CHECK(client.changed);
}

TEST_CASE("user classifier: an exec whose fork was not seen takes its parent's class") {
  auto it = classifier();
  it.on_exec(image(42, 1, "game", {"SteamAppId=7"}), 1000, 1500);
  CHECK(it.on_exec(image(44, 42, "helper"), 2000, 2100).verdict.klass == WorkloadClass::gaming);
}

TEST_CASE("user classifier: what the cgroup gives does not follow a process out of it") {
  auto it = classifier();
  CHECK(it.on_exec(image(50, 1, "sh", {}, "/docker-1.scope"), 1, 2).verdict.klass == WorkloadClass::container);
  it.on_fork(50, {51, 510'000'000}, 3, 4);
  CHECK(it.on_exec(image(51, 50, "sh"), 5, 6).verdict.klass == WorkloadClass::regular);
}

TEST_CASE("user classifier: only names that a rule speaks of are looked at closer, and a name can be lost again") {
  auto it = classifier();
  it.on_exec(image(60, 1, "pipewire"), 1, 2);
  CHECK_FALSE(it.rename_matters(61, 60, "worker"));
  CHECK(it.rename_matters(61, 60, "pw-data-loop"));
  const auto process = image(60, 1, "pipewire");
  const auto named = it.on_rename(61, 60, "pw-data-loop", &process, 3, 4);
  CHECK(named.verdict.klass == WorkloadClass::latency);
  CHECK(named.verdict.pid == 61);
  CHECK_FALSE(named.leader);
  CHECK(it.verdict(61, 60)->klass == WorkloadClass::latency);
  CHECK(it.verdict(60, 60)->klass == WorkloadClass::regular);
  CHECK(it.rename_matters(61, 60, "worker"));
  CHECK(it.on_rename(61, 60, "worker", nullptr, 5, 6).verdict.klass == WorkloadClass::regular);
}

TEST_CASE("user classifier: a person's word outlives an exec, passes to children, and can be taken back") {
  auto it = classifier();
  const auto start = image(70, 1, "sh");
  it.on_exec(start, 1, 2);
  const Decision word{.rule = kRuleUser, .klass = WorkloadClass::batch, .kind = 0, .flags = Decision::kInherit, .source = Source::user};
  CHECK(it.assign(start.key, Level::user, word, 0, 3, 4));
  CHECK(it.verdict(70, 70)->klass == WorkloadClass::batch);
  CHECK(it.on_exec(image(70, 1, "make"), 5, 6).verdict.level == Level::user);
  const auto child = it.on_fork(70, {71, 710'000'000}, 7, 8);
  CHECK(child.verdict.klass == WorkloadClass::batch);
  CHECK(child.verdict.level == Level::ancestry);
  CHECK(it.assign(start.key, Level::user, {}, 0, 9, 10));
  CHECK(it.verdict(70, 70)->level == Level::ancestry);
  CHECK_FALSE(it.assign({70, 1}, Level::user, word, 0, 9, 10));
}

TEST_CASE("user classifier: a rule that asks for it has the daemon look closer") {
  auto it = classifier();
  const auto flags = it.on_exec(image(80, 1, "qemu-system-x86_64"), 1, 2).verdict.flags;
  CHECK((flags & Decision::kRefine) != 0);
}

TEST_CASE("user classifier: a visit finds what was missed, keeps what is the same and forgets what is gone") {
  auto it = classifier();
  it.on_exec(image(90, 1, "game", {"SteamAppId=7"}), 1, 2);
  it.on_exec(image(91, 1, "game", {"SteamAppId=7"}), 1, 2);
  it.on_fork(90, {92, 920'000'000}, 3, 4);
  it.begin_visit();
  CHECK_FALSE(it.found(image(90, 1, "game", {"SteamAppId=7"}), 10).changed);
  const auto missed = it.found(image(92, 90, "steam"), 10);  // its exec was lost
  CHECK(missed.verdict.klass == WorkloadClass::regular);
  CHECK(missed.changed);
  it.end_visit();
  CHECK_FALSE(it.verdict(91, 91));
  CHECK(it.verdict(90, 90)->klass == WorkloadClass::gaming);
  CHECK(it.count()[static_cast<std::size_t>(WorkloadClass::gaming)] == 1);
}

TEST_CASE("user classifier: a number used again is another process") {
  auto it = classifier();
  it.on_exec(image(42, 1, "game", {"SteamAppId=7"}), 1, 2);
  auto other = image(42, 1, "cat");
  other.key.start_ns += 10'000'000;
  CHECK(it.on_exec(other, 3, 4).verdict.klass == WorkloadClass::regular);
}

TEST_CASE("user classifier: new rules decide at the next visit, parents first") {
  auto it = classifier();
  it.on_exec(image(42, 1, "game", {"SteamAppId=7"}), 1, 2);
  const auto others = classify::compile(rule_set({rule("batch").is(WorkloadClass::batch).when(Field::exe, {"game"}).flags(kInherit)}));
  it.use(others);
  CHECK(it.verdict(42, 42)->klass == WorkloadClass::gaming);
  it.begin_visit();
  CHECK(it.found(image(42, 1, "game", {"SteamAppId=7"}), 5).verdict.klass == WorkloadClass::batch);
  CHECK(it.found(image(43, 42, "helper"), 5).verdict.klass == WorkloadClass::batch);
  it.end_visit();
}
