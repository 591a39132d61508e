// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler's life: attached when the kernel can, gone when the kernel says so, the plain policy in its place, back after a while.
#include <algorithm>

#include "app/daemon.hpp"
#include "app/lines.hpp"
#include "app/tunables.hpp"
#include "base/clock.hpp"
#include "core/topology/topology.hpp"
#include "edge/kernel/scx_probe.hpp"

namespace vigil::app {

namespace {
constexpr log::Logger kLog{"scheduler"};
// The kernel gives tasks back to its own scheduler before another can be attached: that long, so often.
constexpr std::chrono::milliseconds kTidyUp{500};
constexpr int kPlainTries = 10;
constexpr std::chrono::minutes kLoadAgain{5};  // the full policy, when it could not even be loaded beside the plain one

std::string in_words(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  return seconds % 60 ? std::to_string(seconds) + " s" : std::to_string(seconds / 60) + " min";
}

// What the kernel said of it, without the half sentence about the kernel's own scheduler.
std::string without_end(const std::string& sentence) { return sentence.substr(0, sentence.rfind("; ")); }
}  // namespace

Result<void> Daemon::start_scheduler() {
  auto timer = loop::Timer::create(*loop_, [this] { on_return_timer(); });
  if (!timer) return fail(std::move(timer).error());
  return_timer_ = std::move(*timer);
  supervisor_.set_first(std::chrono::seconds(options_.scheduler.return_after_s.value_or(60)));

  if (options_.mode == RunMode::observe) {
    why_not_more_ = "observe mode was asked for";
    return {};
  }
  if (classifier_)
    try_attach("start");
  else
    why_not_more_ = why_connector_;
  if (options_.mode == RunMode::schedule && !(scheduler_ && scheduler_->is_attached()))
    return fail("the scheduler cannot be attached: " + why_not_more_);
  return {};
}

SchedTopology Daemon::sched_topology() const { return machine_ ? topology::sched_topology(machine_->topology()) : SchedTopology{}; }

Result<Scheduler> Daemon::load_scheduler(const SchedTopology& topology, const std::string& replaces, Rung rung) {
  SchedOptions options;
  options.events = &classifier_->events_object();
  options.topology = topology;
  options.replaces = replaces;
  options.plain = rung == Rung::plain;
  auto scheduler = Scheduler::load(options);
  if (scheduler) push_cpu_sets(*scheduler);
  return scheduler;
}

std::uint32_t Daemon::push_cpu_sets(Scheduler& scheduler) {
  const auto sets = machine_ ? policy::cpu_sets_of(machine_->topology()) : policy::CpuSets();
  std::uint32_t written = 0;
  for (std::uint32_t i = 1; i < policy::kCpuSetCount; i++) {
    const auto id = static_cast<policy::CpuSetId>(i);
    if (auto done = scheduler.set_cpu_set(id, sets[id]))
      written += *done;
    else
      kLog.warn("nothing is placed by the CPU set '{}': {}", policy::to_string(id), done.error().message());
  }
  scheduler.set_tunables(tunables(sets));
  return written;
}

void Daemon::apply_tunables() {
  if (scheduler_) scheduler_->set_tunables(tunables(machine_ ? policy::cpu_sets_of(machine_->topology()) : policy::CpuSets()));
}

void Daemon::try_attach(const char* occasion, Rung rung) {
  if (!classifier_) return;  // why_not_more_ says so
  return_timer_.disarm();
  const auto why_plain = why_plain_;
  if (rung == Rung::full) {
    plain_tries_ = 0;
    returns_at_ns_.reset();
    why_plain_.clear();
  }
  const bool replaces = scheduler_ && scheduler_->is_attached();
  auto scheduler = load_scheduler(sched_topology(), replaces ? scheduler_->name() : "", rung);
  if (scheduler) {
    if (auto attached = replaces ? scheduler->replace(*scheduler_) : scheduler->attach(); !attached)
      scheduler = tl::unexpected<Error>(std::move(attached).error());
  }
  if (!scheduler) {
    why_not_more_ = scheduler.error().message();
    if (replaces && !scheduler_->is_attached())  // the plain one had made room already: as if it had been thrown out
      return on_scheduler_lost("the full policy could not take the plain one's place: " + why_not_more_, why_not_more_, true);
    if (replaces && rung_ == Rung::plain) {
      why_plain_ = why_plain;
      returns_at_ns_ = monotonic_now() + static_cast<std::uint64_t>(std::chrono::nanoseconds(kLoadAgain).count());
    }
    if (rung == Rung::plain && --plain_tries_ > 0) return return_timer_.arm(kTidyUp);
    plain_tries_ = 0;
    if (returns_at_ns_) wait_for_return();
    displaced_ = rung == Rung::full && !replaces && !probe_scx(options_.sysfs_root).ops.empty();
    kLog.warn("not scheduling{}: {}", scheduler_ ? " by the full policy" : "", why_not_more_);
    return;
  }
  scheduler_.emplace(std::move(*scheduler));
  rung_ = rung;
  plain_tries_ = 0;
  displaced_ = false;
  why_not_more_ = why_plain_;
  kLog.info("attached as {} ({})", scheduler_->name(), occasion);
  if (const auto vcache = machine_ ? machine_->topology().vcache_cpus() : CpuSet(); !vcache.empty())
    kLog.info("the L3 with V-Cache is that of CPUs {}", vcache.to_string());
  publish(edge::ControlServer::Kind::event, scheduler_line(monotonic_now(), "enabled", occasion));
  if (!scx_stats_) serve_scx_stats();
  if (memory_) memory_->on_scheduler(true);
  if (counters_) counters_->set_scheduling(true);
  if (returns_at_ns_) wait_for_return();
}

void Daemon::try_again(const char* occasion) {
  if (options_.mode == RunMode::observe || (rung_ == Rung::full && scheduler_ && scheduler_->is_attached())) return;
  supervisor_.reset();
  try_attach(occasion);
}

// At least a moment: a timer that is armed for the past would be armed for never.
void Daemon::wait_for_return() {
  const auto now = monotonic_now();
  return_timer_.arm(std::chrono::nanoseconds(std::max<std::uint64_t>(*returns_at_ns_ > now ? *returns_at_ns_ - now : 0, 1'000'000)));
}

void Daemon::on_return_timer() {
  if (plain_tries_ > 0)
    try_attach("after an ejection, without what is more likely to be wrong", Rung::plain);
  else
    try_attach("back-off is over");
}

void Daemon::without_scheduler() {
  scheduler_.reset();
  scx_stats_.reset();
  rung_ = Rung::kernel;
  if (memory_) memory_->on_scheduler(false);
  if (counters_) counters_->set_scheduling(false);
}

void Daemon::tell_shortcomings(std::vector<std::string>& out) const {
  if (!scheduler_ || !scheduler_->is_attached()) return;
  const auto stats = scheduler_->read_stats();
  if (stats.groups_limited)
    out.push_back("cpu.max is set on " + std::to_string(stats.groups_limited) + (stats.groups_limited == 1 ? " cgroup" : " cgroups") +
                  " and is not enforced: cpu.weight and nice values decide who gets how much, and nobody is held below what is "
                  "free; where a hard limit matters, run `scx_vigil --mode observe`.");
  if (stats.groups_full)
    out.push_back(std::to_string(stats.groups_full) +
                  " cgroups came after 4095 others had been counted, so their cpu.weight is not looked at: their tasks compete by "
                  "their own nice values.");
  if (rung_ == Rung::plain) out.push_back("The plain policy runs: no CPUs are preferred, nobody is displaced, cpu.weight and cpu.idle are not looked at.");
}

// A convenience for other people's tools: without it everything else goes on.
void Daemon::serve_scx_stats() {
  auto server = edge::ScxStatsServer::create(*loop_, edge::kScxStatsPath, [this] { return metrics(); });
  if (server)
    scx_stats_ = std::move(*server);
  else
    kLog.warn("programs that speak the scx_stats protocol find nothing here: {}", server.error().message());
}

// Announced for ours, too; only when another had the place is there anything to do.
void Daemon::on_foreign_scheduler_change() {
  if (!displaced_ || plain_tries_ || (scheduler_ && scheduler_->is_attached())) return;
  ScxSupport support;
  read_scx_state(support, options_.sysfs_root);
  if (support.ops.empty()) try_attach("the other scheduler has gone");
}

void Daemon::on_scheduler_exit() {
  if (!scheduler_) return;
  const auto exit = scheduler_->exit_info();
  if (!exit || exit->by_owner()) return;
  if (!exit->dump.empty()) kLog.debug("the kernel's dump: {}", exit->dump);
  on_scheduler_lost(exit->sentence(), exit->message, exit->is_error());
}

void Daemon::on_scheduler_lost(const std::string& sentence, const std::string& message, bool fault) {
  const auto name = scheduler_ ? scheduler_->name() : "";
  const auto was = rung_;
  without_scheduler();

  const auto now = monotonic_now();
  ejections_.push_back({now, name, sentence, message});
  if (ejections_.size() > 32) ejections_.erase(ejections_.begin());
  const auto step = supervisor_.ejected(now, was, fault);
  returns_at_ns_.reset();
  std::string next;
  if (step.full_after) {
    returns_at_ns_ = now + static_cast<std::uint64_t>(step.full_after->count());
    next = (was == Rung::full && step.next == Rung::kernel ? "it comes back in " : "the full policy comes back in ") + in_words(*step.full_after);
  } else {
    next = "it was thrown out three times in ten minutes and stays away until a reload (SIGHUP) or `vigilctl mode`";
  }
  why_not_more_ = sentence + "; " + next;
  if (step.next == Rung::plain) {
    plain_tries_ = kPlainTries;
    return_timer_.arm(kTidyUp);
    why_plain_ = without_end(sentence) + "; the plain policy runs meanwhile: no steering, no preemption by class, no judging by "
                 "behaviour, no cpu.weight; " + next;
  } else if (step.full_after) {
    return_timer_.arm(*step.full_after);
  }
  kLog.warn("ejected: {}. The kernel's own scheduler has taken over, classification goes on; {}{}", sentence, next,
            step.next == Rung::plain ? ", the plain policy at once" : "");
  (void)notifier_.status("observing: " + why_not_more_);
  publish(edge::ControlServer::Kind::event, scheduler_line(now, "ejected", sentence));
}

}  // namespace vigil::app
