// SPDX-License-Identifier: GPL-2.0-only
#include "app/memory/memory_watch.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "core/verdict.hpp"
#include "log/log.hpp"

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"memory"};
constexpr std::size_t kBatch = 64;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kBusyAfter = kSecond / 10;      // CPU time before a process is worth a look
constexpr std::uint64_t kAskAgainAfter = 10 * kSecond;  // CPU time, doubled with each refusal
constexpr std::uint32_t kMostRefusals = 6;
constexpr std::uint64_t kIdleSpan = kSecond / 2;        // shortest time over which idleness is judged

}  // namespace

MemoryWatch::MemoryWatch(loop::Loop& loop, const BpfObject& events, MemoryWatchOptions options, Callbacks callbacks)
    : loop_(loop),
      events_object_(events),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      model_(options_.settings),
      access_({options_.sysfs_root, options_.state_file}, options_.proc_root) {
  for (const auto& sentence : access_.recover()) kLog.warn("{}", sentence);
  if (auto timer = loop::Timer::create(loop_, [this] {
        model_.set_pressure(false);
        kLog.info("memory pressure is over");
        decide();
      }))
    pressure_timer_ = std::move(*timer);
}

MemoryWatch::~MemoryWatch() {
  if (events_) access_.stop_all(*events_);
}

bool MemoryWatch::memory_bound(WorkloadClass klass, std::uint8_t flags) {
  return klass == WorkloadClass::vectordb || (flags & Decision::kMemory) != 0;
}

// --- who is memory-bound ---

void MemoryWatch::on_verdict(const ProcKey& key, const std::string& comm, WorkloadClass klass, std::uint8_t flags) {
  if (memory_bound(klass, flags))
    add(key, comm, klass);
  else
    remove(key);
}

void MemoryWatch::on_exit(const ProcKey& key) { remove(key); }

void MemoryWatch::add(const ProcKey& key, const std::string& comm, WorkloadClass klass) {
  const bool first = processes_.empty();
  const auto [found, is_new] = processes_.try_emplace(key);
  if (!comm.empty()) found->second.comm = comm;
  model_.add(key, klass == WorkloadClass::vectordb);
  if (is_new) {
    found->second.why_not = options_.settings.damon ? "it has not run long enough" : "[memory] damon is off";
    kLog.debug("process {} ({}) is memory-bound", key.tgid, printable(found->second.comm));
  }
  if (first) {
    attach();
    follow_pressure();
    if (callbacks_.active) callbacks_.active(true);
  }
  if (is_new) decide();
}

void MemoryWatch::remove(const ProcKey& key) {
  if (processes_.erase(key) == 0) return;
  if (events_) access_.stop(*events_, key);
  const bool hinted = model_.hint(key).value_or(memory::Hint{}) != memory::Hint{};
  model_.remove(key);
  if (hinted && callbacks_.hint) callbacks_.hint(key, {});
  decide();
  if (!processes_.empty()) return;
  if (events_) events_->detach();
  busy_.reset();
  model_.take_idle({});
  follow_pressure();
  if (callbacks_.active) callbacks_.active(false);
}

// The BPF objects, at the first need.
bool MemoryWatch::attach() {
  if (!events_ && events_missing_.empty()) {
    auto loaded = MemoryEvents::load(events_object_);
    if (loaded) {
      events_.emplace(std::move(*loaded));
      events_->set_busy_after(kBusyAfter);
      events_->set_nodes(node_of_cpu_);
      auto watch = loop::Watch::create(loop_, events_->fd(), {.readable = true}, [this](loop::Ready) { on_events(); });
      if (watch) {
        events_watch_ = std::move(*watch);
      } else {
        events_missing_ = watch.error().message();
        events_.reset();
      }
    } else {
      events_missing_ = loaded.error().message();
    }
    if (!events_)
      kLog.warn("memory-bound processes cannot be followed ({}): how they use their memory is unknown, they are placed by the machine's shape alone",
                events_missing_);
  }
  if (!events_) return false;
  if (auto done = events_->attach(); !done) {
    events_missing_ = done.error().message();
    kLog.warn("memory-bound processes cannot be followed: {}", events_missing_);
    return false;
  }
  return true;
}

void MemoryWatch::on_machine(const topology::Topology& topology) {
  node_of_cpu_.clear();
  for (const auto& cpu : topology.cpus) {
    if (cpu.id >= node_of_cpu_.size()) node_of_cpu_.resize(cpu.id + 1);
    node_of_cpu_[cpu.id] = cpu.node;
  }
  if (events_) events_->set_nodes(node_of_cpu_);
  model_.set_machine(topology);
  busy_.reset();
  decide();
}

void MemoryWatch::on_scheduler(bool attached) {
  scheduling_ = attached;
  follow_pressure();
  if (!attached || !callbacks_.hint) return;
  for (const auto& key : model_.processes())
    if (const auto hint = model_.hint(key); hint && *hint != memory::Hint{}) callbacks_.hint(key, *hint);
}

void MemoryWatch::set_settings(const memory::Settings& settings) {
  if (settings == options_.settings) return;
  options_.settings = settings;
  model_.set_settings(settings);
  damon_missing_.clear();
  pressure_.reset();
  follow_pressure();
  if (events_) {
    // Begun anew with the new intervals, when they are next told of as busy.
    access_.stop_all(*events_);
    for (auto& [key, process] : processes_) {
      process.refusals = 0;
      events_->tell_when_ran(key, 0);
    }
  }
  decide();
}

// --- what the kernel half tells ---

void MemoryWatch::on_events() {
  ++counts_.wakeups;
  events_->drain(kBatch, [this](const MemoryEvent& event) { on_event(event); });
}

void MemoryWatch::on_event(const MemoryEvent& event) {
  switch (event.kind) {
    case MemoryEvent::Kind::seen:
      // A child that was forked and has not executed anything: no verdict was told of.
      if (!processes_.contains(event.key) && callbacks_.verdict)
        if (const auto verdict = callbacks_.verdict(event.key.tgid); verdict && memory_bound(verdict->first, verdict->second))
          add(event.key, {}, verdict->first);
      return;
    case MemoryEvent::Kind::busy: return on_busy(event);
    case MemoryEvent::Kind::gone: return remove(event.key);
    case MemoryEvent::Kind::access: return on_access(event);
    case MemoryEvent::Kind::idle:
      access_.stop(*events_, event.key);
      if (const auto found = processes_.find(event.key); found != processes_.end()) found->second.why_not = "it sleeps";
      events_->tell_when_ran(event.key, event.ran_ns + kBusyAfter);
      return;
  }
}

void MemoryWatch::on_busy(const MemoryEvent& event) {
  const auto found = processes_.find(event.key);
  if (found == processes_.end() || !options_.settings.damon || damon_absent_) return;
  auto& process = found->second;
  auto started = access_.start(*events_, event.key, options_.settings);
  if (started) {
    ++counts_.started;
    process.why_not.clear();
    process.refusals = 0;
    damon_missing_.clear();
    return;
  }
  const auto& error = started.error();
  process.why_not = error.message();
  if (error.code() == ESRCH || error.code() == ENOENT) {
    // Not here and not later. (ESRCH is also a process that has ended: its exit is on the way.)
    damon_absent_ = error.code() == ENOENT || !events_->damon_loaded();
    if (damon_absent_) damon_missing_ = error.message();
    return;
  }
  if (error.code() != EAGAIN && damon_missing_ != error.message()) {
    damon_missing_ = error.message();
    kLog.warn("how memory-bound processes use their memory is unknown: {}", damon_missing_);
  }
  events_->tell_when_ran(event.key, event.ran_ns + (kAskAgainAfter << std::min(process.refusals++, kMostRefusals)));
}

void MemoryWatch::on_access(const MemoryEvent& event) {
  ++counts_.reports;
  if (!access_.watches(event.key)) return;
  ++counts_.page_queries;
  model_.take(access_.sample(*events_, event, options_.settings));
  measure_idle(event.at_ns);
  decide();
}

// How much of each domain's time nobody used since the last report.
void MemoryWatch::measure_idle(std::uint64_t now) {
  if (busy_ && now - busy_->at_ns < kIdleSpan) return;
  Busy fresh{now, {}};
  const auto& domains = model_.domains().all();
  for (const auto& domain : domains) {
    std::uint64_t busy = 0;
    for (auto cpu = domain.cpus.first(); cpu < kMaxCpus; cpu = domain.cpus.next(cpu)) busy += events_->busy_ns(cpu);
    fresh.domain_ns.push_back(busy);
  }
  if (busy_ && busy_->domain_ns.size() == domains.size()) {
    std::vector<double> idle;
    for (std::size_t i = 0; i < domains.size(); ++i) {
      const auto all = static_cast<double>(now - busy_->at_ns) * domains[i].cpus.count();
      idle.push_back(std::clamp(1 - static_cast<double>(fresh.domain_ns[i] - busy_->domain_ns[i]) / all, 0.0, 1.0));
    }
    model_.take_idle(std::move(idle));
  }
  busy_ = std::move(fresh);
}

void MemoryWatch::take(const memory::NodeMetrics& metrics) {
  model_.take(metrics);
  decide();
}

void MemoryWatch::forget_node(memory::NodeId node) {
  model_.forget_node(node);
  decide();
}

void MemoryWatch::decide() {
  for (const auto& change : model_.decide(monotonic_now())) {
    ++counts_.hints;
    const auto found = processes_.find(change.key);
    kLog.info("process {} ({}): {}{}", change.key.tgid, found == processes_.end() ? "" : printable(found->second.comm),
              change.hint.near ? "prefers " + change.why : "no preference of CPUs by memory: " + change.why,
              change.hint.lead_us ? "; due " + std::to_string(change.hint.lead_us / 1000) + " ms sooner" : "");
    if (callbacks_.hint) callbacks_.hint(change.key, change.hint);
  }
  if (model_.kworker_lead_us() == kworker_lead_us_) return;
  kworker_lead_us_ = model_.kworker_lead_us();
  if (callbacks_.kworkers) callbacks_.kworkers();
}

// --- pressure ---

void MemoryWatch::follow_pressure() {
  if (!scheduling_ && processes_.empty()) {
    pressure_.reset();
    pressure_timer_.disarm();
    model_.set_pressure(false);
    return;
  }
  if (pressure_ || !pressure_missing_.empty()) return;
  auto watch = edge::PressureWatch::create(loop_, options_.proc_root, std::chrono::milliseconds(options_.settings.pressure_stall_ms),
                                           [this] { on_pressure(); });
  if (watch) {
    pressure_.emplace(std::move(*watch));
  } else {
    pressure_missing_ = watch.error().message();
    kLog.debug("memory pressure is not known of: {}", pressure_missing_);
  }
}

// Each time anew: it is over when nothing stalled for a while.
void MemoryWatch::on_pressure() {
  ++counts_.pressure;
  pressure_timer_.arm(std::chrono::milliseconds(options_.settings.pressure_hold_ms));
  if (model_.pressure()) return;
  model_.set_pressure(true);
  kLog.info("tasks stall for want of memory: kernel workers are held back");
  decide();
}

}  // namespace vigil::app
