// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler's life: attached when the kernel can, gone when the kernel says so, back after a while.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/daemon.hpp"
#include "app/lines.hpp"
#include "app/tunables.hpp"
#include "base/clock.hpp"
#include "core/topology/topology.hpp"
#include "edge/kernel/scx_probe.hpp"

namespace vigil::app {

namespace {
constexpr log::Logger kLog{"scheduler"};
constexpr std::chrono::milliseconds kTidyUp{500};

std::string in_words(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  return seconds % 60 ? std::to_string(seconds) + " s" : std::to_string(seconds / 60) + " min";
}

// What the kernel said of it, without the half sentence about the kernel's own scheduler.
std::string sentence_without_end(const std::string& sentence) { return sentence.substr(0, sentence.rfind("; ")); }
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

Result<Scheduler> Daemon::load_scheduler(const SchedTopology& topology, bool replaces, Rung rung) {
  SchedOptions options;
  options.events = &classifier_->events_object();
  options.topology = topology;
  options.replaces = replaces;
  options.tunables = tunables_of(options_, tuning_);
  options.plain = rung == Rung::plain;
  return Scheduler::load(options);
}

void Daemon::try_attach(const char* occasion, Rung rung) {
  if (!classifier_) return;  // why_not_more_ says so
  plain_is_next_ = false;
  return_timer_.disarm();
  scheduler_.reset();
  scx_stats_.reset();
  rung_ = Rung::kernel;
  if (rung == Rung::full) {
    returns_at_ns_.reset();
    ladder_.clear();
  }
  auto scheduler = load_scheduler(sched_topology(), false, rung);
  if (scheduler) {
    if (auto attached = scheduler->attach(); !attached)
      scheduler = tl::unexpected<Error>(std::move(attached).error());
  }
  if (!scheduler) {
    why_not_more_ = ladder_ + scheduler.error().message();
    displaced_ = !probe_scx(options_.sysfs_root).ops.empty();
    kLog.warn("not scheduling: {}", why_not_more_);
    if (returns_at_ns_) return_timer_.arm(std::chrono::nanoseconds(until_return()));
    return;
  }
  scheduler_.emplace(std::move(*scheduler));
  rung_ = rung;
  displaced_ = false;
  why_not_more_ = ladder_;
  kLog.info("attached as {} ({})", scheduler_->name(), occasion);
  if (const auto vcache = machine_ ? machine_->topology().vcache_cpus() : CpuSet(); !vcache.empty())
    kLog.info("the L3 with V-Cache is that of CPUs {}", vcache.to_string());
  publish(edge::ControlServer::Kind::event, scheduler_line(monotonic_now(), "enabled", occasion));
  serve_scx_stats();
  if (returns_at_ns_) return_timer_.arm(std::chrono::nanoseconds(until_return()));
}

// At least a moment: the timer that is armed for the past would be armed for never.
std::uint64_t Daemon::until_return() const {
  const auto now = monotonic_now();
  return std::max<std::uint64_t>(*returns_at_ns_ > now ? *returns_at_ns_ - now : 0, 1'000'000);
}

void Daemon::on_return_timer() {
  if (plain_is_next_)
    try_attach("after an ejection, without what is more likely to be wrong", Rung::plain);
  else
    try_attach("back-off is over");
}

void Daemon::tell_shortcomings(std::vector<std::string>& out) const {
  if (!scheduler_ || !scheduler_->is_attached()) return;
  const auto stats = scheduler_->read_stats();
  if (stats.groups_limited)
    out.push_back("cpu.max is set on " + std::to_string(stats.groups_limited) +
                  (stats.groups_limited == 1 ? " cgroup" : " cgroups") +
                  " and is not enforced: cpu.weight and nice values decide who gets how much, and nobody is held below what is "
                  "free; where a hard limit matters, run `scx_vigil --mode observe`.");
  if (stats.groups_full)
    out.push_back(std::to_string(stats.groups_full) +
                  " cgroups came after 4095 others had been counted, so their cpu.weight is not looked at: their tasks compete by "
                  "their own nice values.");
  if (rung_ == Rung::plain) out.push_back("The plain policy runs: cpu.weight and cpu.idle are not looked at.");
}

void Daemon::apply_tunables() {
  if (scheduler_) scheduler_->set_tunables(tunables_of(options_, tuning_));
}

void Daemon::set_mode(policy::Mode mode, std::string_view by) {
  if (mode == tuning_) return;
  tuning_ = mode;
  apply_tunables();
  kLog.info("mode {} ({})", wire::to_string(mode), by);
  publish(edge::ControlServer::Kind::event,
          wire::format_line({{"event", "mode"}, {"t_ns", monotonic_now()}, {"mode", wire::to_string(mode)}, {"by", by}}));
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
  if (!displaced_ || (scheduler_ && scheduler_->is_attached())) return;
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
  scheduler_.reset();
  scx_stats_.reset();

  const auto now = monotonic_now();
  ejections_.push_back({now, name, sentence, message});
  if (ejections_.size() > 32) ejections_.erase(ejections_.begin());
  const auto step = supervisor_.ejected(now, rung_, fault);
  const auto was = rung_;
  rung_ = Rung::kernel;
  returns_at_ns_.reset();
  std::string next;
  if (step.full_after) {
    returns_at_ns_ = now + static_cast<std::uint64_t>(step.full_after->count());
    next = (was == Rung::full ? "it comes back in " : "the full policy comes back in ") + in_words(*step.full_after);
  } else {
    next = "it was thrown out three times in ten minutes and stays away until a reload (SIGHUP) or `vigilctl mode`";
  }
  why_not_more_ = sentence + "; " + next;
  if (step.next == Rung::plain) {
    // The kernel is still giving tasks back to its own scheduler.
    plain_is_next_ = true;
    return_timer_.arm(kTidyUp);
    ladder_ = sentence_without_end(sentence) + "; the plain policy runs meanwhile: no steering, no preemption by class, no judging by "
              "behaviour, no cpu.weight; " + next;
  } else if (step.full_after) {
    plain_is_next_ = false;
    return_timer_.arm(*step.full_after);
  }
  kLog.warn("ejected: {}. The kernel's own scheduler has taken over, classification goes on; {}{}", sentence, next,
            step.next == Rung::plain ? ", the plain policy at once" : "");
  (void)notifier_.status("observing: " + why_not_more_);
  publish(edge::ControlServer::Kind::event, scheduler_line(now, "ejected", sentence));
}

}  // namespace vigil::app
