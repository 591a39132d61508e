// SPDX-License-Identifier: GPL-2.0-only
//
// Everything that follows memory-bound processes: which there are, how they use their memory (DAMON), where they run, what
// their nodes' counters say, whether memory is short. It feeds the model and hands on what the model decides.
//
// Nothing is loaded before the first memory-bound process appears, and nothing is attached, read or woken without one, but a
// pressure trigger while the scheduler runs, which is silent unless tasks stall.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/memory/access_watch.hpp"
#include "base/ids.hpp"
#include "base/workload_class.hpp"
#include "core/memory/model.hpp"
#include "core/topology/topology.hpp"
#include "edge/kernel/memory_events.hpp"
#include "edge/procfs/pressure_watch.hpp"
#include "loop/loop.hpp"
#include "loop/timer.hpp"
#include "loop/watch.hpp"
#include "wire/memory_report.hpp"
#include "wire/metrics.hpp"

namespace vigil::app {

struct MemoryWatchOptions {
  std::string sysfs_root = "/sys";
  std::string proc_root = "/proc";
  std::string state_file = "/run/vigil/damon.state";
  memory::Settings settings{};
};

class MemoryWatch {
 public:
  struct Callbacks {
    // A process's tasks are to prefer other CPUs, or to be due sooner. A default Hint: no longer.
    std::function<void(const ProcKey&, const memory::Hint&)> hint = {};
    // kworker_lead_us() is not what it was.
    std::function<void()> kworkers = {};
    // What a task is, asked of the kernel.
    std::function<std::optional<std::pair<WorkloadClass, std::uint8_t>>(std::uint32_t tgid)> verdict = {};
    // Memory-bound processes appeared (true), or the last one is gone.
    std::function<void(bool)> active = {};
  };

  // `events`: the object that owns all verdicts; outlives this. Puts back first what a killed daemon had left changed.
  MemoryWatch(loop::Loop& loop, const BpfObject& events, MemoryWatchOptions options, Callbacks callbacks);
  ~MemoryWatch();

  // A verdict fell. Only memory-bound processes are kept; one that is no longer is let go.
  void on_verdict(const ProcKey& key, const std::string& comm, WorkloadClass klass, std::uint8_t flags);
  void on_exit(const ProcKey& key);
  void on_machine(const topology::Topology& topology);
  // A scheduler that was attached knows nothing yet: every hint is handed on again.
  void on_scheduler(bool attached);
  void set_settings(const memory::Settings& settings);

  // The counters' way in.
  void take(const memory::NodeMetrics& metrics);
  void forget_node(memory::NodeId node);

  const memory::MemoryModel& model() const { return model_; }
  bool active() const { return !processes_.empty(); }
  std::int32_t kworker_lead_us() const { return model_.kworker_lead_us(); }

  // Nothing for a process that is not memory-bound.
  std::optional<wire::MemoryReport> report(const ProcKey& key) const;
  wire::MemoryStatus status() const;
  void add_metrics(wire::Metrics& out) const;
  std::vector<std::string> degraded() const;

 private:
  struct Process {
    std::string comm;
    std::string why_not;  // DAMON does not watch it; "" when it does
    std::uint32_t refusals = 0;
  };
  static bool memory_bound(WorkloadClass klass, std::uint8_t flags);
  void on_events();
  void on_event(const MemoryEvent& event);
  void on_busy(const MemoryEvent& event);
  void on_access(const MemoryEvent& event);
  void add(const ProcKey& key, const std::string& comm, WorkloadClass klass);
  void remove(const ProcKey& key);
  bool attach();
  void measure_idle(std::uint64_t now);
  void decide();
  void follow_pressure();
  void on_pressure();

  loop::Loop& loop_;
  const BpfObject& events_object_;
  MemoryWatchOptions options_;
  Callbacks callbacks_;
  memory::MemoryModel model_;
  std::unordered_map<ProcKey, Process> processes_;
  std::vector<std::optional<std::uint32_t>> node_of_cpu_;
  std::optional<MemoryEvents> events_;
  loop::Watch events_watch_;
  AccessWatch access_;
  std::string events_missing_, damon_missing_, pressure_missing_;
  bool damon_absent_ = false;

  bool scheduling_ = false;
  std::optional<edge::PressureWatch> pressure_;
  loop::Timer pressure_timer_;
  std::int32_t kworker_lead_us_ = 0;

  struct Busy {
    std::uint64_t at_ns = 0;
    std::vector<std::uint64_t> domain_ns;
  };
  std::optional<Busy> busy_;

  struct Counts {
    std::uint64_t wakeups = 0, reports = 0, page_queries = 0, pressure = 0, hints = 0, started = 0;
  };
  Counts counts_;
};

}  // namespace vigil::app
