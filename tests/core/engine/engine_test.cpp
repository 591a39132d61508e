// SPDX-License-Identifier: GPL-2.0-only
#include "core/engine/engine.hpp"

#include <doctest/doctest.h>

using namespace vigil;

namespace {

TaskEvent task(Cause kind, std::uint32_t pid, WorkloadClass klass) {
  TaskEvent event;
  event.kind = kind;
  event.at_ns = 1000;
  event.leader = true;
  event.changed = true;
  event.comm = "game.exe";
  event.exe = "wine64-preloader";
  event.verdict.key = ProcKey{pid, 77};
  event.verdict.pid = pid;
  event.verdict.klass = klass;
  event.verdict.event_ns = 900;
  event.verdict.decided_ns = 905;
  if (klass != WorkloadClass::regular) {
    event.verdict.level = Level::image;
    event.verdict.decisions[2] = Decision{.rule = 3, .klass = klass, .kind = 0, .flags = Decision::kInherit};
  }
  return event;
}

template <typename T>
std::vector<T> of(const Actions& actions) {
  std::vector<T> out;
  for (const auto& action : actions)
    if (const auto* a = std::get_if<T>(&action)) out.push_back(*a);
  return out;
}

}  // namespace

TEST_CASE("engine: a game's exec is told once, remembered, and forgotten at its exit") {
  Engine engine;
  const auto actions = engine.step(task(Cause::exec, 42, WorkloadClass::gaming), 2000);
  const auto verdicts = of<PublishVerdict>(actions);
  REQUIRE(verdicts.size() == 1);
  CHECK(verdicts[0].klass == WorkloadClass::gaming);
  CHECK(verdicts[0].decided_after_ns == 0);  // inside the event itself
  CHECK(verdicts[0].hook_ns == 5);
  CHECK(of<Announce>(actions).size() == 1);
  CHECK(engine.processes().find_tgid(42));

  engine.step(task(Cause::exit, 42, WorkloadClass::gaming), 3000);
  CHECK_FALSE(engine.processes().find_tgid(42));
}

TEST_CASE("engine: a game's helper is not announced as another game") {
  Engine engine;
  engine.step(task(Cause::exec, 42, WorkloadClass::gaming), 2000);
  auto helper = task(Cause::exec, 43, WorkloadClass::gaming);
  helper.ppid = 42;
  CHECK(of<Announce>(engine.step(helper, 2000)).empty());
}

TEST_CASE("engine: a process that is regular again leaves the table") {
  Engine engine;
  engine.step(task(Cause::exec, 42, WorkloadClass::gaming), 2000);
  const auto actions = engine.step(task(Cause::exec, 42, WorkloadClass::regular), 2000);
  CHECK(of<PublishVerdict>(actions).size() == 1);
  CHECK(engine.processes().size() == 0);
}

TEST_CASE("engine: a rule that asks for it has the process looked at, and the answer refines the verdict") {
  Engine engine;
  engine.set_refine([](const Process&, const ProcessFacts& facts) {
    Refinement out;
    if (!facts.argv.empty() && facts.argv[0] == "qemu") {
      out.decision = Decision{.rule = 9, .klass = WorkloadClass::vm, .kind = 2, .flags = 0, .source = Source::daemon};
      out.title = "win11";
    }
    return out;
  });
  auto event = task(Cause::exec, 42, WorkloadClass::vm);
  event.verdict.flags = Decision::kRefine;
  const auto reads = of<ReadProcess>(engine.step(event, 2000));
  REQUIRE(reads.size() == 1);
  CHECK(reads[0].key == ProcKey{42, 77});

  ProcessFacts facts;
  facts.key = reads[0].key;
  facts.exists = true;
  facts.argv = {"qemu"};
  const auto actions = engine.step(facts, 2500);
  const auto assigned = of<AssignClass>(actions);
  REQUIRE(assigned.size() == 1);
  CHECK(assigned[0].decision.rule == 9);
  CHECK(assigned[0].event_ns == 900);
  const auto verdicts = of<PublishVerdict>(actions);
  REQUIRE(verdicts.size() == 1);
  CHECK(verdicts[0].source == Source::daemon);
  CHECK(verdicts[0].decided_after_ns == 1600);
  CHECK(engine.processes().find_tgid(42)->title == "win11");
}

TEST_CASE("engine: facts of a process that has gone change nothing") {
  Engine engine;
  engine.set_refine([](const Process&, const ProcessFacts&) {
    return Refinement{.decision = Decision{.rule = 1}, .level = Level::image, .appid = 0, .title = ""};
  });
  auto event = task(Cause::exec, 42, WorkloadClass::gaming);
  engine.step(event, 2000);
  CHECK(engine.step(ProcessFacts{.key = {42, 77}, .exists = false, .exe = {}, .argv = {}, .cgroup_path = {}}, 2500).empty());
  CHECK(engine.step(ProcessFacts{.key = {42, 78}, .exists = true, .exe = {}, .argv = {}, .cgroup_path = {}}, 2500).empty());
}

TEST_CASE("engine: a loss is resynchronised once, and what the iterators do not find is gone") {
  Engine engine;
  engine.step(task(Cause::exec, 42, WorkloadClass::gaming), 2000);
  engine.step(task(Cause::exec, 43, WorkloadClass::batch), 2000);
  CHECK(of<Resync>(engine.step(LostEvents{7}, 3000)).size() == 1);
  CHECK(of<Resync>(engine.step(LostEvents{2}, 3001)).empty());  // the run under way will do
  auto found = task(Cause::snapshot, 43, WorkloadClass::batch);
  found.changed = false;
  engine.step(found, 3002);
  const auto done = engine.step(ResyncDone{1}, 3003);
  REQUIRE(of<PublishLost>(done).size() == 1);
  CHECK(of<PublishLost>(done)[0].count == 9);
  CHECK(of<PublishLost>(done)[0].resynced);
  CHECK_FALSE(engine.processes().find_tgid(42));
  CHECK(engine.processes().find_tgid(43));
  CHECK(engine.losses().resyncs == 1);
}

TEST_CASE("engine: a person's word is written at the strongest level, and taken back") {
  Engine engine;
  const auto said = of<AssignClass>(
      engine.step(ClassRequest{.key = {42, 77}, .comm = "x", .clear = false, .klass = WorkloadClass::gaming}, 10));
  REQUIRE(said.size() == 1);
  CHECK(said[0].level == Level::user);
  CHECK(said[0].decision.rule == kRuleUser);
  CHECK(said[0].decision.source == Source::user);
  const auto back = of<AssignClass>(engine.step(ClassRequest{.key = {42, 77}, .comm = "x", .clear = true}, 11));
  REQUIRE(back.size() == 1);
  CHECK(back[0].decision.rule == 0);
}

TEST_CASE("engine: a profile begins with its first process and ends with the last, which may never have executed anything") {
  Engine engine;
  auto game = task(Cause::exec, 42, WorkloadClass::gaming);
  game.verdict.profile = 5;
  auto actions = engine.step(game, 2000);
  REQUIRE(of<ProfileBegins>(actions).size() == 1);
  CHECK(of<ProfileBegins>(actions)[0].profile == 5);

  auto child = task(Cause::fork, 43, WorkloadClass::gaming);
  child.changed = false;
  child.verdict.profile = 5;
  CHECK(of<ProfileBegins>(engine.step(child, 2100)).empty());
  CHECK(engine.profiles().processes(5) == 2);

  CHECK(of<ProfileEnds>(engine.step(task(Cause::exit, 42, WorkloadClass::gaming), 2200)).empty());
  actions = engine.step(task(Cause::exit, 43, WorkloadClass::gaming), 2300);
  REQUIRE(of<ProfileEnds>(actions).size() == 1);
  CHECK(of<ProfileEnds>(actions)[0].profile == 5);
  CHECK(engine.profiles().active().empty());
}

TEST_CASE("engine: another profile without another class is news, too, and of a regular process is remembered") {
  Engine engine;
  auto tool = task(Cause::exec, 42, WorkloadClass::regular);
  tool.changed = false;
  tool.verdict.profile = 3;
  CHECK(of<PublishVerdict>(engine.step(tool, 2000)).size() == 1);
  CHECK(engine.processes().find_tgid(42));
  CHECK(of<PublishVerdict>(engine.step(tool, 2000)).empty());
  tool.verdict.profile = 4;
  const auto actions = engine.step(tool, 2100);
  CHECK(of<ProfileEnds>(actions).size() == 1);
  CHECK(of<ProfileBegins>(actions).size() == 1);
  CHECK(engine.profiles().active() == std::vector<std::uint16_t>{4});
}

TEST_CASE("engine: a profile whose processes were lost ends when they are not found again") {
  Engine engine;
  auto game = task(Cause::exec, 42, WorkloadClass::gaming);
  game.verdict.profile = 5;
  engine.step(game, 2000);
  engine.step(LostEvents{3}, 2100);
  const auto actions = engine.step(ResyncDone{0}, 2200);
  CHECK(of<ProfileEnds>(actions).size() == 1);
}

TEST_CASE("engine: a person's choice is carried to a tree, or to every game") {
  Engine engine;
  auto actions = engine.step(ProfileRequest{.key = ProcKey{42, 77}, .clear = false, .profile = 5}, 2000);
  REQUIRE(of<AssignProfile>(actions).size() == 1);
  CHECK(of<AssignProfile>(actions)[0].scope == AssignProfile::Scope::tree);
  CHECK(of<AssignProfile>(actions)[0].op == AssignProfile::Op::choose);

  CHECK(of<Resync>(actions).size() == 1);

  actions = engine.step(ProfileRequest{.key = {}, .clear = false, .profile = 5}, 2000);
  REQUIRE(of<ChooseForGames>(actions).size() == 1);
  CHECK(of<ChooseForGames>(actions)[0].profile == 5);
  CHECK(of<AssignProfile>(actions)[0].op == AssignProfile::Op::settle);

  actions = engine.step(ProfileRequest{.key = {}, .clear = true, .profile = 0}, 2000);
  CHECK_FALSE(of<ChooseForGames>(actions)[0].profile);
  CHECK(of<AssignProfile>(actions)[0].op == AssignProfile::Op::automatic);
}

TEST_CASE("engine: the profile that only a closer look finds is carried to what it has started, too") {
  Engine engine;
  engine.set_refine([](const Process&, const ProcessFacts&) {
    Refinement out;
    out.profile = 7;
    return out;
  });
  auto event = task(Cause::exec, 42, WorkloadClass::regular);
  event.verdict.flags = Decision::kRefine;
  engine.step(event, 2000);
  ProcessFacts facts;
  facts.key = {42, 77};
  facts.exists = true;
  const auto actions = engine.step(facts, 2500);
  REQUIRE(of<AssignProfile>(actions).size() == 1);
  CHECK(of<AssignProfile>(actions)[0].op == AssignProfile::Op::matched);
  CHECK(of<AssignProfile>(actions)[0].profile == 7);
  CHECK(of<ProfileBegins>(actions).size() == 1);
}

TEST_CASE("engine: a process that opens a device is looked at, and forgotten when that says nothing of it") {
  Engine engine;
  std::uint32_t seen = 0;
  engine.set_refine([&](const Process& process, const ProcessFacts&) {
    Refinement out;
    seen = process.devices;
    if (process.devices & 8)
      out.decision = Decision{.rule = 9, .klass = WorkloadClass::vm, .kind = 0, .flags = 0, .source = Source::daemon};
    return out;
  });
  DeviceOpened opened;
  opened.at_ns = 500;
  opened.verdict = task(Cause::exec, 42, WorkloadClass::regular).verdict;
  opened.devices = 2;
  opened.comm = "monitor";
  const auto actions = engine.step(opened, 600);
  REQUIRE(of<ReadProcess>(actions).size() == 1);
  CHECK(of<ReadProcess>(actions)[0].key == opened.verdict.key);
  ProcessFacts facts;
  facts.key = opened.verdict.key;
  facts.exists = true;
  CHECK(engine.step(facts, 700).empty());
  CHECK(seen == 2);
  CHECK(engine.processes().size() == 0);

  opened.devices = 10;
  engine.step(opened, 800);
  const auto told = engine.step(facts, 900);
  REQUIRE(of<AssignClass>(told).size() == 1);
  REQUIRE(of<PublishVerdict>(told).size() == 1);
  CHECK(of<PublishVerdict>(told)[0].klass == WorkloadClass::vm);
  CHECK(of<PublishVerdict>(told)[0].decided_after_ns == 400);
  CHECK(engine.processes().size() == 1);
}
