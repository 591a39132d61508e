// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler's life: attached when the kernel can, gone when the kernel says so, back after a while.
#include "app/daemon.hpp"
#include "app/lines.hpp"
#include "app/tunables.hpp"
#include "base/clock.hpp"
#include "core/topology/topology.hpp"
#include "edge/kernel/scx_probe.hpp"

namespace vigil::app {

namespace {
constexpr log::Logger kLog{"scheduler"};

}  // namespace

Result<void> Daemon::start_scheduler() {
  auto timer = loop::Timer::create(*loop_, [this] { try_attach("back-off is over"); });
  if (!timer) return fail(std::move(timer).error());
  return_timer_ = std::move(*timer);

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

Result<Scheduler> Daemon::load_scheduler(const SchedTopology& topology, bool replaces) {
  SchedOptions options;
  options.events = &classifier_->events_object();
  options.topology = topology;
  options.replaces = replaces;
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

void Daemon::try_attach(const char* occasion) {
  if (!classifier_) return;  // why_not_more_ says so
  returns_at_ns_.reset();
  return_timer_.disarm();
  auto scheduler = load_scheduler(sched_topology(), false);
  if (scheduler) {
    if (auto attached = scheduler->attach(); !attached)
      scheduler = tl::unexpected<Error>(std::move(attached).error());
  }
  if (!scheduler) {
    why_not_more_ = scheduler.error().message();
    displaced_ = !probe_scx(options_.sysfs_root).ops.empty();
    kLog.warn("not scheduling: {}", why_not_more_);
    return;
  }
  scheduler_.emplace(std::move(*scheduler));
  displaced_ = false;
  why_not_more_.clear();
  kLog.info("attached as {} ({})", scheduler_->name(), occasion);
  if (const auto vcache = machine_ ? machine_->topology().vcache_cpus() : CpuSet(); !vcache.empty())
    kLog.info("the L3 with V-Cache is that of CPUs {}", vcache.to_string());
  publish(edge::ControlServer::Kind::event, scheduler_line(monotonic_now(), "enabled", occasion));
  serve_scx_stats();
  if (memory_) memory_->on_scheduler(true);
  if (counters_) counters_->set_scheduling(true);
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
  on_scheduler_lost(exit->sentence(), exit->message);
}

void Daemon::on_scheduler_lost(const std::string& sentence, const std::string& message) {
  const auto name = scheduler_ ? scheduler_->name() : "";
  scheduler_.reset();
  scx_stats_.reset();
  if (memory_) memory_->on_scheduler(false);
  if (counters_) counters_->set_scheduling(false);

  const auto now = monotonic_now();
  ejections_.push_back({now, name, sentence, message});
  if (ejections_.size() > 32) ejections_.erase(ejections_.begin());
  const auto wait = supervisor_.ejected(now);
  std::string next;
  if (wait) {
    returns_at_ns_ = now + static_cast<std::uint64_t>(wait->count());
    return_timer_.arm(*wait);
    next = "it comes back in " + std::to_string(std::chrono::duration_cast<std::chrono::minutes>(*wait).count()) + " min";
  } else {
    next = "it was thrown out three times in ten minutes and stays away until a reload (SIGHUP) or `vigilctl mode`";
  }
  why_not_more_ = sentence + "; " + next;
  kLog.warn("ejected: {}. The kernel's own scheduler has taken over, classification goes on; {}", sentence, next);
  (void)notifier_.status("observing: " + why_not_more_);
  publish(edge::ControlServer::Kind::event, scheduler_line(now, "ejected", sentence));
}

}  // namespace vigil::app
