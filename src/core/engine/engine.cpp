// SPDX-License-Identifier: GPL-2.0-only
#include "core/engine/engine.hpp"

#include "base/text.hpp"

namespace vigil {

namespace {

PublishVerdict verdict_line(const TaskEvent& event) {
  const TaskVerdict& verdict = event.verdict;
  PublishVerdict line;
  line.at_ns = event.at_ns;
  line.pid = verdict.pid;
  line.tgid = verdict.key.tgid;
  line.comm = event.comm;
  line.klass = verdict.klass;
  line.kind = verdict.kind;
  line.gen = verdict.gen;
  line.appid = verdict.game_appid();
  line.inherited_from = verdict.inherited_from;
  line.profile = verdict.profile;
  line.decided_after_ns = verdict.decided_after_ns();
  line.hook_ns = verdict.hook_ns();
  if (const Decision* decision = verdict.in_force()) {
    line.rule = decision->rule;
    line.source = decision->source;
  }
  return line;
}

}  // namespace

Actions Engine::step(const Event& event, std::uint64_t now) {
  Actions out;
  std::visit([&](const auto& e) { on(e, now, out); }, event);
  return out;
}

void Engine::on(const TaskEvent& event, std::uint64_t, Actions& out) {
  const TaskVerdict& verdict = event.verdict;
  if (event.kind == Cause::exit) {
    processes_.erase(verdict.key);
    note_profile(verdict.key, 0, {}, out);
    out.emplace_back(PublishTask{event});
    return;
  }
  const bool telling =
      verdict.klass != WorkloadClass::regular || verdict.profile || (verdict.flags & Decision::kRefine);
  const Process* known = processes_.find(verdict.key);
  const bool another_profile = event.leader && verdict.profile != (known ? known->verdict.profile : 0);
  if (telling) {
    processes_.upsert(event);
  } else if (event.leader) {
    processes_.erase(verdict.key);
  }
  if (event.leader) note_profile(verdict.key, verdict.profile, event.comm, out);
  if (event.changed || event.kind == Cause::snapshot || (another_profile && event.kind == Cause::exec)) {
    if (telling || event.kind != Cause::snapshot) out.emplace_back(verdict_line(event));
    if (event.changed && event.leader) announce(event, out);
  }
  if (event.kind != Cause::snapshot) out.emplace_back(PublishTask{event});
  if (event.leader && (verdict.flags & Decision::kRefine) && !event.kthread) out.emplace_back(ReadProcess{verdict.key});
}

void Engine::on(const CgroupEvent& event, std::uint64_t, Actions& out) {
  if (event.kind != CgroupEvent::Kind::snapshot) out.emplace_back(PublishCgroup{event});
}

void Engine::on(const ProcessFacts& facts, std::uint64_t now, Actions& out) {
  Process* process = processes_.find(facts.key);
  if (!process) return;
  if (!facts.exists) return;  // its exit event is on the way
  if (!facts.exe.empty()) process->exe = facts.exe;
  if (!refine_) return;
  look_closer(*process, facts, now, out);
  // Nothing to say of it after all: what it opened was the only reason to look.
  const auto& verdict = process->verdict;
  if (process->devices && verdict.klass == WorkloadClass::regular && !verdict.profile && !(verdict.flags & Decision::kRefine))
    processes_.erase(facts.key);
}

void Engine::look_closer(Process& looked_at, const ProcessFacts& facts, std::uint64_t now, Actions& out) {
  Process* process = &looked_at;
  Refinement refinement = refine_(*process, facts);
  if (!refinement.title.empty()) process->title = std::move(refinement.title);
  if (refinement.appid) process->verdict.appid = refinement.appid;
  if (refinement.profile) {
    AssignProfile found;
    found.op = AssignProfile::Op::matched;
    found.scope = AssignProfile::Scope::tree;  // what it has started meanwhile, too
    found.key = facts.key;
    found.profile = refinement.profile;
    out.emplace_back(found);
    if (!process->verdict.profile_chosen) {
      process->verdict.profile = refinement.profile;
      note_profile(facts.key, refinement.profile, process->comm, out);
    }
  }
  if (!refinement.decision && !refinement.appid) return;

  AssignClass assign;
  assign.key = facts.key;
  assign.level = refinement.level;
  assign.decision = refinement.decision ? *refinement.decision
                                        : process->verdict.decisions[static_cast<std::size_t>(refinement.level)];
  assign.appid = refinement.appid;
  assign.event_ns = process->verdict.event_ns;
  out.emplace_back(assign);
  if (!refinement.decision) return;

  // What the kernel will have once the action is carried out.
  TaskVerdict& verdict = process->verdict;
  const auto before = verdict.klass;
  const auto kind_before = verdict.kind;
  verdict.decisions[static_cast<std::size_t>(assign.level)] = assign.decision;
  for (std::size_t level = kLevelCount; level-- > 0;) {
    if (verdict.decisions[level].rule == 0) continue;
    verdict.level = static_cast<Level>(level);
    verdict.klass = verdict.decisions[level].klass;
    verdict.kind = verdict.decisions[level].kind;
  }
  if (verdict.klass == before && verdict.kind == kind_before) return;
  verdict.cause = Cause::assign;
  verdict.decided_ns = now;
  TaskEvent event;
  event.at_ns = now;
  event.comm = process->comm;
  event.verdict = verdict;
  out.emplace_back(verdict_line(event));
}

void Engine::on(const LostEvents& lost, std::uint64_t, Actions& out) {
  losses_.events += lost.count;
  const bool running = resyncing_ > 0;
  resyncing_ += lost.count;
  out.emplace_back(PublishLost{lost.count, false});
  if (running) return;  // a run that lost more is followed by another
  processes_.begin_visit();
  out.emplace_back(Resync{lost.count});
}

void Engine::on(const ResyncDone&, std::uint64_t, Actions& out) {
  processes_.sweep();
  for (const auto& key : profiles_.keys())
    if (!processes_.find(key)) note_profile(key, 0, {}, out);
  if (resyncing_ == 0) return;
  ++losses_.resyncs;
  out.emplace_back(PublishLost{resyncing_, true});
  out.emplace_back(Announce{std::to_string(resyncing_) +
                            " event records did not fit the ring; every process was looked at again, no verdict is missing"});
  resyncing_ = 0;
}

void Engine::on(const ClassRequest& request, std::uint64_t now, Actions& out) {
  AssignClass assign;
  assign.key = request.key;
  assign.level = Level::user;
  assign.event_ns = now;
  if (!request.clear) {
    assign.decision.rule = kRuleUser;
    assign.decision.klass = request.klass;
    assign.decision.flags = Decision::kInherit;
    assign.decision.source = Source::user;
  }
  out.emplace_back(assign);
}

// Who has nothing to say any more is not among those who are found, and forgotten.
void Engine::on(const LookAgain&, std::uint64_t, Actions& out) {
  processes_.begin_visit();
  out.emplace_back(Resync{0});
}

void Engine::on(const ProfileRequest& request, std::uint64_t now, Actions& out) {
  AssignProfile assign;
  if (request.key) {
    assign.op = AssignProfile::Op::choose;
    assign.scope = AssignProfile::Scope::tree;
    assign.key = *request.key;
    assign.profile = request.profile;
    out.emplace_back(assign);
    on(LookAgain{}, now, out);
    return;
  }
  out.emplace_back(ChooseForGames{request.clear ? std::nullopt : std::optional(request.profile)});
  assign.op = request.clear ? AssignProfile::Op::automatic : AssignProfile::Op::settle;
  assign.scope = AssignProfile::Scope::all;
  out.emplace_back(assign);
  on(LookAgain{}, now, out);
}

void Engine::note_profile(const ProcKey& key, std::uint16_t profile, const std::string& comm, Actions& out) {
  const auto change = profiles_.set(key, profile);
  if (change.ended) out.emplace_back(ProfileEnds{change.ended});
  if (change.begun) out.emplace_back(ProfileBegins{change.begun, key, comm});
}

void Engine::on(const DeviceOpened& opened, std::uint64_t, Actions& out) {
  Process* process = processes_.find(opened.verdict.key);
  if (!process) {
    TaskEvent seen;
    seen.leader = true;
    seen.ppid = opened.ppid;
    seen.uid = opened.uid;
    seen.comm = opened.comm;
    seen.verdict = opened.verdict;
    process = processes_.upsert(seen);
    if (!process) return;
  }
  process->devices |= opened.devices;
  process->verdict.event_ns = opened.at_ns;
  out.emplace_back(ReadProcess{opened.verdict.key});
}

void Engine::announce(const TaskEvent& event, Actions& out) const {
  if (event.kind != Cause::exec || event.verdict.klass != WorkloadClass::gaming || event.verdict.level == Level::ancestry)
    return;
  // Only the first of a tree: what a game starts is the game.
  const Process* parent = processes_.find_tgid(event.ppid);
  if (parent && parent->verdict.klass == WorkloadClass::gaming) return;
  std::string text = "game started: " + printable(event.exe.empty() ? event.comm : event.exe) + " (pid " +
                     std::to_string(event.verdict.key.tgid);
  if (event.verdict.appid) text += ", Steam app " + std::to_string(event.verdict.appid);
  out.emplace_back(Announce{text + ")", true});
}

}  // namespace vigil
