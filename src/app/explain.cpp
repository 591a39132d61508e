// SPDX-License-Identifier: GPL-2.0-only
//
// Why a task is treated as it is. What is in force the kernel knows; what lost is found by holding the rules against the process once
// more, read now because a person asks.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/daemon.hpp"
#include "app/facts.hpp"
#include "app/lines.hpp"
#include "core/classify/decide.hpp"
#include "core/classify/look.hpp"

namespace vigil::app {

using edge::Reply;
using wire::ErrorCode;

namespace {

// Enough to see why; the rest of a long list is the same again.
constexpr std::size_t kMostConsidered = 16;

// What the kernel has decided, in the words of the rules. A level above the strongest rule's (a person, a profile) keeps a number that is
// no rule's.
classify::Verdict known(const TaskVerdict& verdict) {
  classify::Verdict out;
  for (std::size_t level = 0; level < kLevelCount; ++level) {
    const auto& decision = verdict.decisions[level];
    if (decision.rule) out.levels[level] = classify::Decision{decision.rule, decision.klass, decision.kind, decision.flags};
  }
  out.marks = verdict.marks;
  out.appid = verdict.appid;
  out.profile = verdict.matched;
  return out;
}

std::string comes_before(Level strong, Level weak) {
  return "the " + std::string(level_name(strong)) + " level comes before the " + std::string(level_name(weak)) + " level";
}

}  // namespace

void Daemon::explain_rules(const TaskVerdict& verdict, const edge::ProcessReader::Identity& identity, wire::ExplainReport& report) const {
  auto& out = report.considered;
  const auto add = [&](std::string rule, std::optional<WorkloadClass> klass, std::string_view level, bool held, std::string why) {
    const auto same = [&](const wire::Considered& one) { return one.rule == rule && one.level == level; };
    if (!rule.empty() && std::none_of(out.begin(), out.end(), same))
      out.push_back({std::move(rule), klass, std::string(level), held, std::move(why)});
  };
  // What other levels have decided is in the task itself.
  for (std::size_t i = 0; i < kLevelCount; ++i) {
    const auto level = static_cast<Level>(i);
    const auto& decision = verdict.decisions[i];
    if (!decision.rule || level == verdict.level) continue;
    add(book_.rule_name(decision.rule, verdict.profile), decision.klass, level_name(level), true, comes_before(verdict.level, level));
  }
  const auto facts = procfs_.read(verdict.key, {.environment = true, .cgroup = true});
  if (!facts.exists) return;
  auto described = describe_process(facts, identity);
  described.marks = verdict.marks;
  if (const auto* process = engine_.processes().find(verdict.key)) described.devices = process->devices;
  const auto& ancestry = verdict.decisions[static_cast<std::size_t>(Level::ancestry)];
  described.previous = {ancestry.rule, ancestry.klass, ancestry.kind, ancestry.flags};
  described.previous_known = ancestry.rule != 0;
  const auto force = known(verdict);
  auto explanation = classify::explain(described, book_.rules, &force);
  // What the daemon decided, the kernel half has no evidence of.
  if (report.evidence.empty() && (verdict.level == Level::image || verdict.level == Level::thread)) report.evidence = explanation.evidence;
  // Those that hold first: they came closest.
  std::stable_partition(explanation.considered.begin(), explanation.considered.end(), [](const auto& one) { return one.held; });
  for (auto& one : explanation.considered) {
    if (out.size() >= kMostConsidered) break;
    const auto* rule = book_.rules.by_id(one.rule);
    if (rule) add(rule->name, rule->klass, classify::to_string(rule->level), one.held, std::move(one.why));
  }
}

Reply Daemon::answer_explain(std::uint32_t pid) {
  const auto identity = procfs_.identify(pid);
  if (!identity) return Reply::error(ErrorCode::not_found, "there is no process " + std::to_string(pid));

  wire::ExplainReport report;
  report.pid = pid;
  report.tgid = identity->key.tgid;
  report.ppid = identity->ppid;
  report.comm = identity->comm;
  report.tasks = identity->threads;
  if (auto path = procfs_.cgroup_path(pid); !path.empty()) {
    if (auto container = classify::look_at_container(path))
      report.container = wire::ExplainReport::Container{container->runtime, container->id, container->pod};
    report.cgroup = std::move(path);
  }
  const auto found = verdict_of(pid, identity->key.tgid);
  if (!found) {
    // A task that nothing was ever decided about: it came in the instant between two looks, or has just left.
    return Reply::ok(wire::to_json(report));
  }
  const TaskVerdict& verdict = *found;
  report.klass = verdict.klass;
  report.truncated = verdict.truncated;
  report.event = std::string(cause_name(verdict.cause));
  report.event_ns = verdict.event_ns;
  report.decided_after_ns = verdict.decided_after_ns();
  if (verdict.in_kernel()) report.hook_ns = verdict.hook_ns();
  if (verdict.game_appid()) report.steam_appid = verdict.game_appid();
  if (verdict.inherited_from && verdict.klass != WorkloadClass::regular) report.inherited_from = verdict.inherited_from;
  if (const auto kind = book_.kind_name(verdict.kind); !kind.empty()) report.kind = std::string(kind);
  if (const Decision* decision = verdict.in_force()) {
    report.source = std::string(source_name(decision->source));
    report.level = std::string(level_name(verdict.level));
    if (auto rule = book_.rule_name(decision->rule, verdict.profile); !rule.empty()) report.rule = std::move(rule);
  }
  if (verdict.level == Level::thread || verdict.level == Level::image || (connector_ && verdict.level == Level::cgroup))
    report.evidence = book_.evidence(verdict);
  if (classifier_ && verdict.level == Level::cgroup) {
    if (const auto cgroup = classifier_->cgroup(verdict.cgroup.v))
      if (const auto name = book_.compiled.atom_name(cgroup->evidence); !name.empty()) report.evidence.emplace_back(name);
  }
  if (verdict.level == Level::ancestry) report.evidence.push_back("what it was before, or its parent, was of this class");
  if (verdict.level == Level::user)
    report.evidence.push_back(verdict.in_force()->rule == kRuleProfile ? "its profile sets the class" : "a person said so (vigilctl class)");

  const auto* profile = book_.profile(verdict.profile);
  if (profile) report.profile = profile->name;
  const auto* process = engine_.processes().find(verdict.key);
  if (profile && !profile->title.empty() && verdict.profile == verdict.matched)
    report.title = profile->title;  // of whatever it is
  else if (auto game = verdict.is_game() ? games_.title(identity->key.tgid, verdict.appid, verdict.inherited_from) : std::nullopt)
    report.title = std::move(game);
  else if (process && !process->title.empty())
    report.title = process->title;
  if (verdict.profile != verdict.matched) {
    const auto chosen = verdict.profile_chosen ? " was chosen for it" : " was chosen for every game";
    report.profile_why = (profile ? profile->name : std::string("none")) + " by a person" + chosen;
  }
  if (memory_) report.memory = memory_->report(verdict.key);
  report.simulated = report.memory && counters_ && counters_->simulated();
  report.cpu_preference = cpu_preference(verdict, report.memory ? report.memory->near_cpus : std::nullopt);
  explain_rules(verdict, *identity, report);
  return Reply::ok(wire::to_json(report));
}

}  // namespace vigil::app
