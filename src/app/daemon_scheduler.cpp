// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler's life: attached when the kernel can, gone when the kernel says so, back after a while.
#include "app/daemon.hpp"
#include "app/lines.hpp"
#include "base/clock.hpp"

namespace vigil::app {

namespace {
constexpr log::Logger kLog{"scheduler"};
}

Result<void> Daemon::start_scheduler() {
  auto timer = loop::Timer::create(*loop_, [this] { try_attach("back-off is over"); });
  if (!timer) return fail(std::move(timer).error());
  return_timer_ = std::move(*timer);

  if (options_.mode == RunMode::observe) {
    why_not_more_ = "observe mode was asked for";
    return {};
  }
  try_attach("start");
  if (options_.mode == RunMode::schedule && !(scheduler_ && scheduler_->is_attached()))
    return fail("the scheduler cannot be attached: " + why_not_more_);
  return {};
}

SchedTopology Daemon::sched_topology() { return {}; }

void Daemon::try_attach(const char* occasion) {
  returns_at_ns_.reset();
  return_timer_.disarm();
  SchedOptions options;
  options.events = &classifier_->events_object();
  options.topology = sched_topology();
  auto scheduler = Scheduler::load(options);
  if (scheduler) {
    if (auto attached = scheduler->attach(); !attached)
      scheduler = tl::unexpected<Error>(std::move(attached).error());
  }
  if (!scheduler) {
    why_not_more_ = scheduler.error().message();
    kLog.warn("not scheduling: {}", why_not_more_);
    return;
  }
  scheduler_.emplace(std::move(*scheduler));
  why_not_more_.clear();
  kLog.info("attached as {} ({})", scheduler_->name(), occasion);
  publish(edge::ControlServer::Kind::event, scheduler_line(monotonic_now(), "enabled", occasion));
}

void Daemon::on_scheduler_exit() {
  if (!scheduler_) return;
  const auto exit = scheduler_->exit_info();
  if (!exit || exit->by_owner()) return;
  const auto name = scheduler_->name();
  const auto sentence = exit->sentence();
  if (!exit->dump.empty()) kLog.debug("the kernel's dump: {}", exit->dump);
  scheduler_.reset();

  const auto now = monotonic_now();
  ejections_.push_back({now, name, sentence, exit->message});
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
