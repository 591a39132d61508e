// SPDX-License-Identifier: GPL-2.0-only
//
// Measures memory while somebody uses it: opens the counters when memory-bound processes appear, reads them when told that
// their tasks have run, and closes them when the last process has gone. It has no timer and reads nothing on its own.
//
//   PmuWatch watch({.sysfs_root = "/sys", .proc_root = "/proc"});
//   watch.set_machine(topology, devices);                  at the start, and whenever the machine has changed
//   watch.start(now);                                      the first memory-bound process
//   auto next = watch.sample(now, ran_ns);                 they have run; ask again after `next`
//   for (auto& metrics : watch.node_metrics()) …
//   watch.stop();                                          the last has gone
//
// Real counters and simulated ones are never mixed: with `simulate`, nothing real is opened, and a sentence says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/memory/pmu/pace.hpp"
#include "core/memory/pmu/report.hpp"
#include "core/memory/pmu/simulation.hpp"
#include "edge/pmu/perf_group.hpp"

namespace vigil::app {

struct PmuWatchOptions {
  std::string sysfs_root = "/sys";
  std::string proc_root = "/proc";
  bool simulate = false;
  edge::PerfCalls calls = edge::PerfCalls::system();
};

class PmuWatch {
 public:
  // Descriptors, all groups together.
  static constexpr std::size_t kMaxDescriptors = 512;
  // What was measured longer ago is no longer known.
  static constexpr std::chrono::nanoseconds kFresh = std::chrono::seconds(5);

  explicit PmuWatch(PmuWatchOptions options) : options_(std::move(options)) {}

  // Looks for event sources anew. While counting, what has not changed goes on, the rest is closed or opened.
  void set_machine(const topology::Topology& topology, const topology::Devices& devices, std::uint64_t now);

  void start(std::uint64_t now);
  void stop();
  bool counting() const { return counting_; }
  // There is something to read.
  bool can_read() const { return counting_ && (options_.simulate || descriptors() > 0); }

  // `ran_ns`: run time of memory-bound tasks since the daemon's start. How long to wait before the next one, at least.
  std::chrono::nanoseconds sample(std::uint64_t now, std::uint64_t ran_ns);

  memory::PmuReport report(std::uint64_t now) const;
  // Of the last sample: a node that is not among them was not measured.
  std::vector<memory::NodeMetrics> node_metrics() const;
  // Sentences on what cannot be measured, or is made up.
  std::vector<std::string> degraded() const;

 private:
  struct Group {
    std::optional<edge::PerfGroup> counters;
    memory::GroupReading last;
    memory::NoDelta why = memory::NoDelta::first;
    std::string problem;
  };
  struct Source {
    memory::PmuSource what;
    std::vector<Group> groups;
    memory::PmuMetrics metrics;
    bool vanished = false;
  };
  void open(Source& source);
  void close_all();
  void read(Source& source);
  void find();
  void combine_nodes();
  void forget_metrics();
  static std::string problem_of(const Source& source);
  std::size_t descriptors() const;

  PmuWatchOptions options_;
  topology::Topology topology_;
  topology::Devices devices_;
  std::vector<Source> sources_;
  std::vector<memory::NodeSources> node_sources_;
  std::vector<memory::PmuReport::Node> nodes_;
  std::vector<std::string> notes_;
  memory::SimulatedCxl simulated_;
  memory::Pace pace_;
  bool counting_ = false;
  bool measured_ = false;          // nodes_ and the sources' metrics are of the last sample
  std::uint64_t compared_ns_ = 0;  // when the readings in Group::last were taken
  std::uint64_t ran_ns_ = 0;
  std::uint64_t samples_ = 0, reads_ = 0, cost_ns_ = 0;
};

}  // namespace vigil::app
