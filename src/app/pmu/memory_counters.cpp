// SPDX-License-Identifier: GPL-2.0-only
#include "app/pmu/memory_counters.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "log/log.hpp"

namespace vigil::app {

namespace {
constexpr log::Logger kLog{"pmu"};
}

MemoryCounters::MemoryCounters(const BpfObject& events, PmuWatchOptions options) : watch_(options), simulated_(options.simulate) {
  if (simulated_)
    kLog.warn("[simulated] --simulate cxl: memory counters are made up; nothing real is read, and what rests on them is labelled");
  auto sampling = Sampling::create(events);
  if (sampling)
    sampling_.emplace(std::move(*sampling));
  else
    sampling_missing_ = "Memory counters are not read: " + sampling.error().message() + ".";
}

void MemoryCounters::set_machine(const topology::Topology& topology, const topology::Devices& devices) {
  watch_.set_machine(topology, devices, monotonic_now());
  if (active_) account();
}

void MemoryCounters::set_active(bool active) {
  if (active == active_) return;
  active_ = active;
  const auto now = monotonic_now();
  if (active)
    watch_.start(now);
  else
    watch_.stop();
  // Without counters there is nothing to ask for.
  account();
}

void MemoryCounters::set_scheduling(bool scheduling) {
  if (scheduling == scheduling_) return;
  scheduling_ = scheduling;
  if (active_) account();
}

void MemoryCounters::account() {
  if (!sampling_) return;
  const bool wanted = active_ && watch_.can_read();
  if (wanted) sampling_->set_interval(memory::PaceLimits{}.least, monotonic_now());
  const auto who = !wanted ? Accountant::nobody : scheduling_ ? Accountant::scheduler : Accountant::kernel;
  auto done = sampling_->set_accountant(who);
  std::string missing;
  if (!done)
    missing = "Memory counters are not read: the kernel's accounting of run time cannot be followed (" + done.error().message() +
              "); while the scheduler is attached it does that itself.";
  if (!missing.empty() && missing != sampling_missing_) kLog.warn("{}", missing);
  sampling_missing_ = std::move(missing);
}

std::vector<std::uint32_t> MemoryCounters::nodes_gone(const std::vector<memory::NodeMetrics>& now) {
  std::vector<std::uint32_t> gone, fresh;
  for (const auto& metrics : now) fresh.push_back(metrics.node);
  for (const auto node : measured_)
    if (std::find(fresh.begin(), fresh.end(), node) == fresh.end()) gone.push_back(node);
  measured_ = std::move(fresh);
  return gone;
}

std::optional<MemoryCounters::Measured> MemoryCounters::on_sample() {
  if (!active_ || !sampling_) return std::nullopt;
  const auto now = monotonic_now();
  const auto next = watch_.sample(now, sampling_->ran_ns());
  if (watch_.can_read())
    sampling_->set_interval(next, now);
  else
    account();  // all that could be read has vanished
  Measured out;
  out.nodes = watch_.node_metrics();
  out.gone = nodes_gone(out.nodes);
  kLog.debug("{}sample: {} nodes measured, the next after {} ms", simulated_ ? "[simulated] " : "", out.nodes.size(), next.count() / 1'000'000);
  return out;
}

memory::PmuReport MemoryCounters::report() const { return watch_.report(monotonic_now()); }

std::vector<std::string> MemoryCounters::degraded() const {
  auto out = watch_.degraded();
  if (!sampling_missing_.empty()) out.push_back(sampling_missing_);
  return out;
}

}  // namespace vigil::app
