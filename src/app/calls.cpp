// SPDX-License-Identifier: GPL-2.0-only
//
// What vigilctl is answered. Questions that need counting are counted now, by an iterator; nothing is kept for them.
#include <nlohmann/json.hpp>

#include "app/daemon.hpp"
#include "app/lines.hpp"
#include "base/clock.hpp"
#include "wire/pmu_report.hpp"
#include "wire/recording.hpp"
#include "wire/records.hpp"

namespace vigil::app {

using edge::Reply;
using nlohmann::json;
using wire::ErrorCode;

namespace {

constexpr std::array<std::string_view, VIGIL_EV_COUNT> kEventNames = {
    "",       "fork",         "exec", "exit", "rename", "cgroup_mkdir", "cgroup_rmdir", "cgroup_attach",
    "snapshot", "assign", "scheduler"};

void add_scheduler_metrics(wire::Metrics& out, const SchedStats& stats) {
  const auto counter = [&out](const char* name, const char* help, std::uint64_t value) {
    out.counter(name, help).add(static_cast<double>(value));
  };
  counter("sched_switches", "Times a task began to run.", stats.switches);
  counter("sched_direct", "Tasks sent straight to an idle CPU at wake-up.", stats.direct);
  counter("sched_queued", "Tasks that went through a cache's queue.", stats.queued);
  counter("sched_pinned", "Tasks that went through one CPU's queue.", stats.pinned);
  counter("sched_kthreads", "Per-CPU kernel threads sent straight to their CPU.", stats.kthreads);
  counter("sched_kept", "Running tasks that went on because their deadline was the earliest.", stats.kept);
  counter("sched_moved_cpu", "Tasks that began to run on another CPU of the same cache.", stats.moved_cpu);
  counter("sched_moved_llc", "Tasks that began to run below another cache.", stats.moved_llc);
  counter("sched_stolen", "Tasks taken from another cache's queue by an idle CPU.", stats.stolen);
  counter("sched_balanced", "Tasks taken from another cache's queue to even out load.", stats.balanced);
  counter("sched_kicks", "CPUs asked to reschedule for a prompt or urgent task.", stats.kicks);
  counter("sched_handed", "Tasks that took over the CPU of who woke them and slept.", stats.handed);
  counter("sched_overtaken", "Tasks that had just begun when somebody more urgent was found behind them.", stats.overtaken);
  counter("sched_yielded", "Ticks that ended a run because someone with an earlier deadline waited.", stats.yielded);
  counter("sched_vcache_placements", "Gaming tasks sent to the V-Cache CPUs.", stats.steered);
  counter("sched_vcache_spills", "Gaming tasks that found no room there.", stats.spilled);
  {
    auto runs = out.counter("sched_profile_runs", "Times a task whose profile names CPUs began to run, on one of these or on another.");
    runs.add(static_cast<double>(stats.profile_inside), {{"where", "inside"}});
    runs.add(static_cast<double>(stats.profile_outside), {{"where", "outside"}});
  }
  {
    auto runs = out.counter("sched_near_runs", "Times a task that prefers the CPUs near its memory began to run, on one of these or on another.");
    runs.add(static_cast<double>(stats.near_inside), {{"where", "inside"}});
    runs.add(static_cast<double>(stats.near_outside), {{"where", "outside"}});
  }
  counter("sched_strict_waits", "Times a task of a strict profile waited for one of its own CPUs.", stats.strict_waits);
  counter("sched_workers_promoted", "Wake-ups of unbound kernel workers that run as promptly as those they serve.", stats.workers_promoted);
  counter("sched_held_back", "Prompt tasks that displaced nobody because the queue's first had been due for long.", stats.held_back);
  counter("sched_no_room", "Prompt tasks that found nobody less urgent to displace.", stats.no_room);
  counter("sched_without_storage", "Decisions made without a task's storage.", stats.no_storage);
  {
    auto runs = out.counter("sched_class_switches", "Times a task of the class began to run.");
    for (const auto klass : kWorkloadClasses)
      runs.add(static_cast<double>(stats.class_runs[static_cast<std::size_t>(klass)]), {{"class", std::string(to_string(klass))}});
  }
  {
    auto time = out.counter("sched_class_seconds", "CPU time the class was given.", "seconds");
    for (const auto klass : kWorkloadClasses)
      time.add(static_cast<double>(stats.class_ns[static_cast<std::size_t>(klass)]) / 1e9, {{"class", std::string(to_string(klass))}});
  }
  std::vector<double> bounds;
  for (std::size_t i = 0; i + 1 < SchedStats::kWaitBuckets; ++i) bounds.push_back(static_cast<double>(2ULL << i) / 1e6);
  auto wait = out.histogram("sched_wait_seconds", "Time from being woken to running.", bounds);
  for (const auto klass : kWorkloadClasses) {
    const auto& buckets = stats.wait[static_cast<std::size_t>(klass)];
    wait.add_histogram({buckets.begin(), buckets.end()}, std::nullopt, {{"class", std::string(to_string(klass))}});
  }
}

wire::RecordingHeader recording_header(const RuleBook& book) {
  wire::RecordingHeader out{book.compiled.rule_names, book.compiled.kinds, book.compiled.atom_names, {}};
  for (std::size_t i = 0; i < book.profiles.size(); ++i) {
    const std::size_t number = book.profile_numbers[i];
    if (out.profiles.size() < number) out.profiles.resize(number);
    out.profiles[number - 1] = book.profiles[i].name;
  }
  return out;
}

}  // namespace

Reply Daemon::answer(const wire::Request& request, const edge::Peer&) {
  if (!classifier_ && !connector_) return Reply::error(ErrorCode::unavailable, "the daemon is still starting");
  if (classifier_) on_events_ready();  // what waits in the ring for a reason to wake has happened before the question
  if (std::get_if<wire::StatusCall>(&request)) {
    auto body = wire::to_json(status());
    if (counters_) body["memory_counters"] = wire::to_json(counters_->report());
    return Reply::ok(std::move(body));
  }
  if (std::get_if<wire::StatsCall>(&request)) return Reply::ok(wire::to_json(metrics()));
  if (const auto* explain = std::get_if<wire::ExplainCall>(&request)) return answer_explain(explain->pid);
  if (const auto* klass = std::get_if<wire::ClassCall>(&request)) return answer_class(*klass);
  if (const auto* mode = std::get_if<wire::ModeCall>(&request)) return answer_mode(*mode);
  if (const auto* watch = std::get_if<wire::WatchCall>(&request))
    return Reply::stream(watch->all ? edge::Stream::all : edge::Stream::verdicts,
                         {{"watching", watch->all ? "all" : "verdicts"}});
  if (std::get_if<wire::RecordCall>(&request)) {
    if (!classifier_) return Reply::error(ErrorCode::unavailable, "only what the BPF programs tell can be recorded, and they do not run here");
    auto body = json::parse(wire::format_header(recording_header(book_)), nullptr, false);
    return Reply::stream(edge::Stream::record, {{"recording", 1}, {"header", body}});
  }
  return answer_profile(std::get<wire::ProfileCall>(request));
}

Reply Daemon::answer_class(const wire::ClassCall& call) {
  const auto identity = procfs_.identify(call.pid);
  const auto before = identity ? verdict_of(call.pid, identity->key.tgid) : std::nullopt;
  if (!before) return Reply::error(ErrorCode::not_found, "there is no process " + std::to_string(call.pid));
  ClassRequest request;
  request.key = before->key.start_ns ? before->key : identity->key;
  request.comm = identity->comm;
  request.clear = !call.klass;
  if (call.klass) request.klass = *call.klass;
  handle(request);
  const auto now = verdict_of(identity->key.tgid, identity->key.tgid);
  if (!now) return Reply::error(ErrorCode::not_found, "process " + std::to_string(call.pid) + " has just ended");
  tell_of_assignment(*identity, *now);
  const auto& verdict = *now;
  return Reply::ok({{"pid", call.pid}, {"class", to_string(verdict.klass)}, {"tasks", identity->threads}});
}

// What became of a person's word, to whoever watches or records.
void Daemon::tell_of_assignment(const edge::ProcessReader::Identity& identity, const TaskVerdict& verdict) {
  if (const auto raw = classifier_ ? classifier_->verdict(identity.key.tgid) : std::nullopt) {
    vigil_ev_task record{};
    record.hdr = {VIGIL_EV_ASSIGN, sizeof(record), 0, monotonic_now()};
    record.ppid = identity.ppid;
    record.uid = identity.uid.value_or(0);
    record.threads = identity.threads;
    record.flags = VIGIL_EVF_LEADER | VIGIL_EVF_CHANGED;
    identity.comm.copy(record.comm, sizeof(record.comm) - 1);
    record.verdict = *raw;
    on_record({reinterpret_cast<const std::byte*>(&record), sizeof(record)});
    return;
  }
  TaskEvent event;
  event.kind = Cause::assign;
  event.at_ns = monotonic_now();
  event.ppid = identity.ppid;
  event.uid = identity.uid.value_or(0);
  event.threads = identity.threads;
  event.leader = event.changed = true;
  event.comm = identity.comm;
  event.verdict = verdict;
  handle(event);
}

Reply Daemon::answer_mode(const wire::ModeCall& call) {
  if (call.mode) {
    tuning_ = *call.mode;
    mode_applied_ = mode_in_force();  // told of below
    apply_mode(mode_applied_);
    try_again("asked for by vigilctl mode");
    publish(edge::ControlServer::Kind::event,
            wire::format_line({{"event", "mode"}, {"t_ns", monotonic_now()}, {"mode", wire::to_string(tuning_)}, {"in_force", wire::to_string(mode_in_force())}}));
  }
  return Reply::ok({{"mode", wire::to_string(tuning_)}, {"in_force", wire::to_string(mode_in_force())}});
}

wire::StatusReport Daemon::status() {
  wire::StatusReport out;
  const bool scheduling = scheduler_ && scheduler_->is_attached();
  out.version = VIGIL_VERSION;
  out.pid = static_cast<std::uint32_t>(getpid());
  out.mode = scheduling ? "schedule" : "observe";
  out.requested_mode = std::string(to_string(options_.mode));
  if (scheduling) out.ops = scheduler_->name();
  out.policy = std::string(to_string(scheduling ? rung_ : Rung::kernel));
  if (!(scheduling && rung_ == Rung::full) && !why_not_more_.empty() && options_.mode != RunMode::observe) out.why_not_more = why_not_more_;
  out.returns_at_ns = returns_at_ns_;
  out.now_ns = monotonic_now();
  out.started_ns = started_ns_;
  out.ready_after_ns = ready_after_ns_;
  out.tuning = tuning_;
  out.tuning_in_force = mode_in_force();
  report_power(out);
  if (scheduling) out.tuning_changes = changes(SchedTunables::defaults(), scheduler_->tunables());
  if (connector_) count_by_connector(out);
  if (classifier_) {
    if (auto counts = classifier_->count_classes()) {
      for (const auto klass : kWorkloadClasses) {
        const auto i = static_cast<std::size_t>(klass);
        out.classes.push_back({klass, counts->processes[i], counts->tasks[i]});
      }
    }
    const auto& counters = classifier_->counters();
    for (std::size_t i = VIGIL_EV_FORK; i <= VIGIL_EV_CGROUP_ATTACH; ++i)
      out.events.push_back({std::string(kEventNames[i]), counters.seen[i], counters.reported[i], counters.lost[i]});
  }
  for (auto& game : games_.running()) {
    auto title = game_title(game.pid, game.appid, 0);
    out.games.push_back({game.pid, game.appid ? std::optional(game.appid) : std::nullopt, title ? std::move(title) : std::move(game.title)});
  }
  if (classifier_)
    for (const auto& storm : classifier_->storms())
      out.storms.push_back({storm.root, storm.execs, storm.forks, storm.hushed, storm.begin_ns,
                            monotonic_now() > storm.hot_ns + VIGIL_STORM_HOLD_NS});
  out.resyncs = engine_.losses().resyncs;
  out.ejections = ejections_;
  report_profiles(out);
  out.rules = book_.rules.rules.size();
  out.rule_files = book_.files;
  out.degraded = degraded();
  if (counters_) {
    out.simulated = counters_->simulated();
    for (auto& sentence : counters_->degraded()) out.degraded.push_back(std::move(sentence));
  }
  if (memory_) {
    out.memory = memory_->status();
    for (auto& sentence : memory_->degraded()) out.degraded.push_back(std::move(sentence));
  }
  return out;
}

wire::Metrics Daemon::metrics() {
  wire::Metrics out;
  if (connector_) {
    count_by_connector(out);
    return out;
  }
  const auto& counters = classifier_->counters();
  {
    auto seen = out.counter("events_seen", "Events that passed the kernel half.");
    for (std::size_t i = VIGIL_EV_FORK; i <= VIGIL_EV_CGROUP_ATTACH; ++i)
      seen.add(static_cast<double>(counters.seen[i]), {{"event", std::string(kEventNames[i])}});
  }
  {
    auto reported = out.counter("events_reported", "Events that user space was told of.");
    for (std::size_t i = VIGIL_EV_FORK; i <= VIGIL_EV_CGROUP_ATTACH; ++i)
      reported.add(static_cast<double>(counters.reported[i]), {{"event", std::string(kEventNames[i])}});
  }
  {
    auto lost = out.counter("events_lost", "Event records that did not fit the ring; made up for by a resync.");
    for (std::size_t i = VIGIL_EV_FORK; i <= VIGIL_EV_CGROUP_ATTACH; ++i)
      lost.add(static_cast<double>(counters.lost[i]), {{"event", std::string(kEventNames[i])}});
  }
  out.counter("images_truncated", "Executed images of which not every string was looked at.")
      .add(static_cast<double>(counters.truncated));
  out.counter("storage_failures", "Tasks that could not be given storage.").add(static_cast<double>(counters.storage_failed));
  out.counter("ejections", "Times the kernel threw the scheduler out.").add(static_cast<double>(supervisor_.ejections()));
  add_machine_metrics(out);
  if (scheduler_ && scheduler_->is_attached()) add_scheduler_metrics(out, scheduler_->read_stats());
  if (counters_) wire::add_metrics(out, counters_->report());
  if (memory_) memory_->add_metrics(out);
  if (auto counts = classifier_->count_classes()) {
    auto processes = out.gauge("processes", "Processes by class.");
    for (const auto klass : kWorkloadClasses)
      processes.add(counts->processes[static_cast<std::size_t>(klass)], {{"class", std::string(to_string(klass))}});
  }
  return out;
}

}  // namespace vigil::app
