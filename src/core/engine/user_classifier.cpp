// SPDX-License-Identifier: GPL-2.0-only
#include "core/engine/user_classifier.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "core/classify/table_eval.hpp"

namespace vigil {

namespace {

constexpr auto slot(Level level) { return static_cast<std::size_t>(level); }

// The first level that decided is in force. True when the class changed.
bool resolve(TaskVerdict& verdict, Cause cause, std::uint64_t at_ns, std::uint64_t now) {
  const auto klass_before = verdict.klass;
  const auto kind_before = verdict.kind;
  verdict.level = Level::none;
  verdict.klass = WorkloadClass::regular;
  verdict.kind = verdict.flags = 0;
  for (std::size_t level = kLevelCount; level-- > 0;) {
    const auto& decision = verdict.decisions[level];
    if (!decision.rule) continue;
    verdict.level = static_cast<Level>(level);
    verdict.klass = decision.klass;
    verdict.kind = decision.kind;
    verdict.flags = decision.flags;
  }
  const bool changed = verdict.klass != klass_before;
  if (changed || verdict.kind != kind_before || !verdict.event_ns || cause == Cause::exec) {
    verdict.cause = cause;
    verdict.by_daemon = true;
    verdict.event_ns = at_ns;
    verdict.decided_ns = std::max(at_ns, now);
  }
  return changed;
}

Decision decision_of(const classify::Decision& in) {
  Decision out;
  out.rule = in.rule;
  out.klass = in.klass;
  out.kind = in.kind;
  out.flags = in.flags;
  out.source = in.rule == kRuleUser ? Source::user : Source::daemon;
  return out;
}

// What is handed on to the next image: the decision in force, unless it is the cgroup's (who leaves it leaves the class).
classify::Decision handed_on(const TaskVerdict& verdict) {
  classify::Decision out;
  out.klass = verdict.klass;
  const auto* decision = verdict.in_force();
  if (!decision || verdict.level == Level::cgroup || !(verdict.flags & Decision::kInherit)) return out;
  return {decision->rule, decision->klass, decision->kind, decision->flags};
}

classify::Facts facts_of(const ProcessImage& image) {
  classify::Facts out;
  out.exe = image.exe;
  out.script = classify::script_of(image.comm, image.exe, image.argv);
  out.argv = image.argv;
  out.env = image.env;
  out.comm = image.comm;
  out.cgroup = image.cgroup_path;
  out.uid = image.uid;
  out.flags = image.flags;
  return out;
}

std::uint64_t fingerprint(const ProcessImage& image) {
  std::uint64_t hash = classify::hash_forward(image.exe);
  for (const auto& argument : image.argv) hash = hash * 31 + classify::hash_forward(argument);
  return hash;
}

}  // namespace

TaskEvent UserClassifier::event_of(const Known& known, Cause kind, std::uint64_t at_ns) const {
  TaskEvent event;
  event.kind = kind;
  event.at_ns = at_ns;
  event.ppid = known.ppid;
  event.uid = known.uid;
  event.leader = true;
  event.comm = known.comm;
  event.verdict = known.verdict;
  return event;
}

void UserClassifier::decide(Known& known, const ProcessImage& image, const Known& before, Cause cause, std::uint64_t at_ns,
                            std::uint64_t now) {
  auto facts = facts_of(image);
  // `before` may be `known` itself: taken out of it first.
  const auto user = known.verdict.decisions[slot(Level::user)];
  const auto below_cgroup = before.verdict.level == Level::cgroup ? before.verdict.decisions[slot(Level::ancestry)] : Decision{};
  const auto from = before.verdict.inherited_from ? before.verdict.inherited_from : before.verdict.key.tgid;
  const auto appid = before.verdict.appid;
  facts.previous = handed_on(before.verdict);
  facts.marks = before.marks;
  const auto found = classify::evaluate(facts, *rules_);

  TaskVerdict& verdict = known.verdict;
  verdict.key = image.key;
  verdict.pid = image.key.tgid;
  verdict.gen = generation_;
  verdict.decisions.fill({});
  verdict.decisions[slot(Level::user)] = user;
  for (std::size_t level = 1; level < kLevelCount; ++level)
    if (found.verdict.levels[level]) verdict.decisions[level] = decision_of(*found.verdict.levels[level]);
  if (below_cgroup.rule && !found.verdict.boundary) verdict.decisions[slot(Level::ancestry)] = below_cgroup;
  known.marks = found.verdict.marks;
  verdict.appid = found.verdict.appid ? found.verdict.appid : found.verdict.boundary ? 0 : appid;
  verdict.evidence.fill(0);
  std::copy_n(found.evidence.begin(), std::min(found.evidence.size(), verdict.evidence.size()), verdict.evidence.begin());
  resolve(verdict, cause, at_ns, now);
  if (found.verdict.refine) verdict.flags |= Decision::kRefine;
  verdict.inherited_from = verdict.level == Level::ancestry ? from : 0;

  known.ppid = image.ppid;
  known.uid = image.uid;
  known.comm = image.comm;
  known.image = fingerprint(image);
  known.visit = visit_;
}

TaskEvent UserClassifier::on_exec(const ProcessImage& image, std::uint64_t at_ns, std::uint64_t now) {
  const auto [it, is_new] = known_.try_emplace(image.key.tgid);
  Known& known = it->second;
  // Nothing is known of a process whose fork was lost, or of another that had the number before.
  if (!is_new && known.verdict.key.start_ns && known.verdict.key.start_ns != image.key.start_ns) known = {};
  const Known* before = &known;
  if (known.verdict.key.tgid == 0)
    if (const auto parent = known_.find(image.ppid); parent != known_.end()) before = &parent->second;
  const auto klass_before = before->verdict.klass;
  decide(known, image, *before, Cause::exec, at_ns, now);
  // The image's other threads are gone.
  std::erase_if(threads_, [&](const auto& thread) { return thread.second.tgid == image.key.tgid; });
  auto event = event_of(known, Cause::exec, at_ns);
  event.exe = base_name(image.exe);
  event.threads = image.threads;
  event.kthread = image.kthread;
  event.changed = known.verdict.klass != klass_before;
  return event;
}

TaskEvent UserClassifier::on_fork(std::uint32_t parent, ProcKey child, std::uint64_t at_ns, std::uint64_t now) {
  Known known;
  if (const auto found = known_.find(parent); found != known_.end()) known = found->second;
  auto& verdict = known.verdict;
  verdict.key = child;
  verdict.pid = child.tgid;
  verdict.cause = Cause::fork;
  verdict.event_ns = verdict.decided_ns = at_ns;
  // A person's word is for the process it was said of; its children inherit it like any verdict.
  auto& user = verdict.decisions[slot(Level::user)];
  if (user.rule) {
    verdict.decisions[slot(Level::ancestry)] = user;
    for (const auto level : {Level::user, Level::thread, Level::image}) verdict.decisions[slot(level)] = {};
  }
  verdict.inherited_from = verdict.klass != WorkloadClass::regular ? parent : 0;
  known.ppid = parent;
  known.visit = visit_;
  const auto before = verdict.klass;
  resolve(verdict, Cause::fork, at_ns, now);
  verdict.flags = static_cast<std::uint8_t>(verdict.flags & ~Decision::kRefine);
  auto event = event_of(known, Cause::fork, at_ns);
  event.threads = 1;
  event.changed = verdict.klass != before;
  known_.insert_or_assign(child.tgid, std::move(known));
  return event;
}

TaskEvent UserClassifier::on_exit(std::uint32_t tgid, std::uint64_t at_ns) {
  Known gone;
  if (const auto found = known_.find(tgid); found != known_.end()) {
    gone = std::move(found->second);
    known_.erase(found);
  }
  gone.verdict.key.tgid = gone.verdict.pid = tgid;
  threads_.erase(tgid);
  return event_of(gone, Cause::exit, at_ns);
}

bool UserClassifier::rename_matters(std::uint32_t pid, std::uint32_t tgid, const std::string& comm) const {
  if (classify::names_thread(comm, *rules_) || threads_.contains(pid)) return true;
  // Its leader may have to lose what a former name gave it.
  const auto found = known_.find(tgid);
  return pid == tgid && found != known_.end() && found->second.verdict.decisions[slot(Level::thread)].rule;
}

void UserClassifier::rename_only(std::uint32_t pid, std::uint32_t tgid, const std::string& comm) {
  if (pid != tgid) return;
  if (const auto found = known_.find(tgid); found != known_.end()) found->second.comm = comm;
}

TaskEvent UserClassifier::on_rename(std::uint32_t pid, std::uint32_t tgid, const std::string& comm, const ProcessImage* image,
                                    std::uint64_t at_ns, std::uint64_t now) {
  const auto found = known_.find(tgid);
  Known nobody;
  Known& known = found == known_.end() ? nobody : found->second;
  if (found == known_.end()) known.verdict.key.tgid = tgid;

  Decision decision;
  if (image && rules_) {
    auto facts = facts_of(*image);
    facts.comm = comm;
    facts.marks = known.marks;
    facts.previous.klass = known.verdict.klass;
    const auto judged = classify::evaluate(facts, *rules_);
    if (const auto& by_name = judged.verdict.levels[slot(Level::thread)]) decision = decision_of(*by_name);
  }
  if (pid == tgid) known.comm = comm;

  TaskVerdict verdict = pid == tgid ? known.verdict : this->verdict(pid, tgid).value_or(known.verdict);
  const auto before = verdict.klass;
  verdict.pid = pid;
  verdict.decisions[slot(Level::thread)] = decision;
  resolve(verdict, Cause::rename, at_ns, now);
  if (pid == tgid) {
    known.verdict = verdict;
  } else if (decision.rule && found != known_.end()) {
    threads_[pid] = {tgid, decision};
  } else {
    threads_.erase(pid);
  }
  auto event = event_of(known, Cause::rename, at_ns);
  event.verdict = verdict;
  event.comm = comm;
  event.leader = pid == tgid;
  event.changed = verdict.klass != before;
  return event;
}

TaskEvent UserClassifier::found(const ProcessImage& image, std::uint64_t now) {
  const auto [it, is_new] = known_.try_emplace(image.key.tgid);
  Known& known = it->second;
  const bool same = !is_new && (!known.verdict.key.start_ns || known.verdict.key.start_ns == image.key.start_ns);
  if (!same) known = {};
  known.visit = visit_;
  const auto before = known.verdict.klass;
  const bool same_rules = known.verdict.gen == generation_;
  if (!same || !same_rules || known.image != fingerprint(image)) {
    // An exec was missed: it was something before. Else (new here, or new rules) it comes from its parent.
    const Known nothing;
    const Known* origin = same && same_rules ? &known : &nothing;
    if (origin == &nothing)
      if (const auto parent = known_.find(image.ppid); parent != known_.end() && parent->second.verdict.gen == generation_)
        origin = &parent->second;
    decide(known, image, *origin, Cause::snapshot, now, now);
  }
  auto event = event_of(known, Cause::snapshot, now);
  event.exe = base_name(image.exe);
  event.threads = image.threads;
  event.kthread = image.kthread;
  event.changed = same && known.verdict.klass != before;
  return event;
}

void UserClassifier::end_visit() {
  std::erase_if(known_, [this](const auto& entry) { return entry.second.visit != visit_; });
  std::erase_if(threads_, [this](const auto& entry) { return !known_.contains(entry.second.tgid); });
}

bool UserClassifier::assign(const ProcKey& key, Level level, const Decision& decision, std::uint32_t appid, std::uint64_t at_ns,
                            std::uint64_t now) {
  const auto found = known_.find(key.tgid);
  if (found == known_.end() || level == Level::none) return false;
  auto& verdict = found->second.verdict;
  if (verdict.key.start_ns && verdict.key.start_ns != key.start_ns) return false;
  verdict.decisions[slot(level)] = decision;
  if (appid) verdict.appid = appid;
  resolve(verdict, Cause::assign, at_ns ? at_ns : now, now);
  return true;
}

std::optional<TaskVerdict> UserClassifier::verdict(std::uint32_t pid, std::uint32_t tgid) const {
  const auto found = known_.find(tgid);
  if (found == known_.end()) return std::nullopt;
  TaskVerdict out = found->second.verdict;
  if (pid == tgid) return out;
  out.pid = pid;
  const auto thread = threads_.find(pid);
  out.decisions[slot(Level::thread)] = thread == threads_.end() ? Decision{} : thread->second.decision;
  resolve(out, out.cause, out.event_ns, out.decided_ns);
  return out;
}

bool UserClassifier::hands_down(std::uint32_t tgid) const {
  const auto found = known_.find(tgid);
  return found != known_.end() && (found->second.verdict.klass != WorkloadClass::regular || found->second.marks);
}

std::array<std::uint32_t, kWorkloadClassCount> UserClassifier::count() const {
  std::array<std::uint32_t, kWorkloadClassCount> out{};
  for (const auto& [tgid, known] : known_) ++out[static_cast<std::size_t>(known.verdict.klass)];
  return out;
}

}  // namespace vigil
