// SPDX-License-Identifier: GPL-2.0-only
#include "app/pmu/pmu_watch.hpp"

#include <time.h>

#include <algorithm>

#include "edge/sysfs/sys_tree.hpp"
#include "log/log.hpp"

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"pmu"};
// A comparison over a longer time says nothing of now: most of it nobody memory-bound ran.
constexpr std::uint64_t kLongestComparison = 3'000'000'000;

std::uint64_t own_cpu_ns() {
  timespec ts{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(ts.tv_nsec);
}

// The CXL memory's node, or where there is none the last one: a made-up device has to be somewhere.
std::uint32_t node_to_simulate(const topology::Topology& topology) {
  for (const auto& node : topology.nodes)
    if (node.kind == topology::NodeKind::cxl) return node.id;
  return topology.nodes.empty() ? 0 : topology.nodes.back().id;
}

}  // namespace

void PmuWatch::find() {
  if (options_.simulate) {
    const auto source = memory::SimulatedCxl::source(node_to_simulate(topology_));
    const bool same = sources_.size() == 1 && sources_[0].what == source;
    if (!same) {
      sources_.clear();
      sources_.push_back({.what = source, .groups = std::vector<Group>(source.groups.size()), .metrics = {}});
    }
    node_sources_ = {{.node = *source.node, .sources = {0}, .complete = true}};
    return;
  }
  auto tree = SysTree::open(options_.sysfs_root, options_.proc_root);
  if (!tree) {
    close_all();
    sources_.clear();
    node_sources_.clear();
    notes_ = {"event sources cannot be looked for: " + tree.error().message()};
    return;
  }
  auto found = memory::find_pmu_sources(*tree, topology_, devices_);
  std::vector<Source> fresh;
  for (auto& what : found.sources) {
    const auto old = std::find_if(sources_.begin(), sources_.end(), [&](const Source& source) { return source.what == what && !source.vanished; });
    if (old != sources_.end())
      fresh.push_back(std::move(*old));
    else
      fresh.push_back({.what = what, .groups = std::vector<Group>(what.groups.size()), .metrics = {}});
  }
  sources_ = std::move(fresh);  // what is not there any more is closed here
  node_sources_ = std::move(found.nodes);
  if (found.notes != notes_)
    for (const auto& note : found.notes) kLog.info("{}", note);
  notes_ = std::move(found.notes);
}

void PmuWatch::set_machine(const topology::Topology& topology, const topology::Devices& devices, std::uint64_t now) {
  topology_ = topology;
  devices_ = devices;
  if (!counting_) return;  // looked for when somebody needs it
  find();
  forget_metrics();
  bool opened = false;
  for (auto& source : sources_) {
    const bool was_open = std::any_of(source.groups.begin(), source.groups.end(), [](const Group& group) { return group.counters.has_value(); });
    if (!was_open) open(source);
    opened |= !was_open;
  }
  if (opened) compared_ns_ = now;
}

std::size_t PmuWatch::descriptors() const {
  std::size_t count = 0;
  for (const auto& source : sources_)
    for (const auto& group : source.groups)
      if (group.counters) count += group.counters->descriptors();
  return count;
}

void PmuWatch::open(Source& source) {
  if (options_.simulate) return;
  for (std::size_t i = 0; i < source.groups.size(); ++i) {
    auto& group = source.groups[i];
    group = Group{};
    const auto& counters = source.what.groups[i].counters;
    if (descriptors() + edge::PerfGroup::kMaxEvents > kMaxDescriptors) {
      group.problem = source.what.name + " is left alone: more than " + std::to_string(kMaxDescriptors) + " counters would be open";
      continue;
    }
    auto opened = edge::PerfGroup::open(options_.calls, {source.what.name, source.what.type, source.what.cpu}, counters);
    if (!opened) {
      group.problem = opened.error().message();
      if (i == 0 || source.groups[i - 1].problem != group.problem) kLog.warn("{}", group.problem);
      continue;
    }
    group.counters.emplace(std::move(*opened));
    group.last.counts.resize(counters.size());  // a fresh counter begins at nothing
  }
}

void PmuWatch::start(std::uint64_t now) {
  if (counting_) return;
  counting_ = true;
  pace_.reset();
  forget_metrics();
  find();
  compared_ns_ = now;
  for (auto& source : sources_) open(source);
  kLog.info("{}memory-bound processes run: {} event sources count, {} descriptors", options_.simulate ? "[simulated] " : "", sources_.size(),
            descriptors());
}

void PmuWatch::close_all() {
  for (auto& source : sources_)
    for (auto& group : source.groups) group.counters.reset();
}

void PmuWatch::stop() {
  if (!counting_) return;
  counting_ = false;
  close_all();
  forget_metrics();
  kLog.info("{}no memory-bound process is left: nothing is counted", options_.simulate ? "[simulated] " : "");
}

void PmuWatch::forget_metrics() {
  measured_ = false;
  nodes_.clear();
  for (auto& source : sources_) source.metrics = {};
}

void PmuWatch::read(Source& source) {
  for (std::size_t i = 0; i < source.groups.size(); ++i) {
    auto& group = source.groups[i];
    memory::GroupReading reading;
    if (options_.simulate) {
      reading = simulated_.read(i);
    } else {
      if (!group.counters) continue;
      ++reads_;
      auto answer = group.counters->read(options_.calls);
      if (!answer) {
        // Its other groups are of the same source.
        kLog.warn("{}; it is looked for again when a device or a memory-bound process comes", answer.error().message());
        source.vanished = answer.error().code() == ENODEV;
        for (auto& each : source.groups) each = Group{.counters = {}, .last = {}, .problem = answer.error().message()};
        source.metrics = {};
        return;
      }
      reading = std::move(*answer);
    }
    const auto delta = memory::compare(group.last, reading);
    group.why = delta.why;
    memory::add_rates(source.metrics, source.what.groups[i].purpose, source.what.groups[i].counters, delta);
    group.last = std::move(reading);
  }
}

void PmuWatch::combine_nodes() {
  for (const auto& each : node_sources_) {
    std::vector<memory::PmuMetrics> parts;
    for (const auto i : each.sources)
      if (i < sources_.size()) parts.push_back(sources_[i].metrics);
    const auto* node = topology_.find_node(each.node);
    nodes_.push_back({each.node, memory::combine(parts, each.complete, node ? node->read_bandwidth_mib : std::nullopt,
                                                 node ? node->write_bandwidth_mib : std::nullopt)});
  }
}

std::chrono::nanoseconds PmuWatch::sample(std::uint64_t now, std::uint64_t ran_ns) {
  if (!counting_) return pace_.interval();
  const auto begin = own_cpu_ns();
  const bool comparable = now > compared_ns_ && now - compared_ns_ <= kLongestComparison;
  if (options_.simulate) simulated_.advance(now, ran_ns > ran_ns_ ? ran_ns - ran_ns_ : 0, topology_.online().count());
  ran_ns_ = ran_ns;
  forget_metrics();
  for (auto& source : sources_) read(source);
  compared_ns_ = now;
  if (comparable) {
    combine_nodes();
    measured_ = true;
  } else {
    forget_metrics();
  }
  ++samples_;
  std::optional<double> bytes;
  for (const auto& source : sources_)
    for (const auto& part : {source.metrics.read_bytes_per_s, source.metrics.write_bytes_per_s})
      if (part) bytes = bytes.value_or(0) + *part;
  const auto cost = own_cpu_ns() - begin;
  cost_ns_ += cost;
  const bool was_costly = pace_.costly();
  const auto next = pace_.after(bytes, std::chrono::nanoseconds(cost));
  if (pace_.costly() && !was_costly)
    kLog.warn("{}reading the memory counters takes {} us of CPU time, so they are read only every {} ms", options_.simulate ? "[simulated] " : "",
              cost / 1000, next.count() / 1'000'000);
  return next;
}

std::string PmuWatch::problem_of(const Source& source) {
  for (const auto& group : source.groups)
    if (!group.problem.empty()) return group.problem;
  for (const auto& group : source.groups)
    if (group.why == memory::NoDelta::never_ran || group.why == memory::NoDelta::too_little)
      return source.what.name + ": " + std::string(memory::to_string(group.why)) + "; another program counts on it, too";
  return "";
}

memory::PmuReport PmuWatch::report(std::uint64_t now) const {
  memory::PmuReport out;
  out.simulated = options_.simulate;
  out.counting = counting_;
  out.samples = samples_;
  out.reads = reads_;
  out.sample_cost_ns = cost_ns_;
  out.interval_ns = static_cast<std::uint64_t>(pace_.interval().count());
  out.held_back = pace_.costly();
  if (samples_ && compared_ns_) out.at_ns = compared_ns_;
  const bool fresh = measured_ && now - compared_ns_ <= static_cast<std::uint64_t>(kFresh.count());
  for (const auto& source : sources_)
    out.sources.push_back({source.what.name, std::string(memory::to_string(source.what.kind)), source.what.device, source.what.node,
                           problem_of(source), fresh ? source.metrics : memory::PmuMetrics{}});
  for (const auto& each : node_sources_) {
    const auto known = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& node) { return node.node == each.node; });
    out.nodes.push_back({each.node, fresh && known != nodes_.end() ? known->metrics : memory::PmuMetrics{}});
  }
  out.notes = notes_;
  return out;
}

std::vector<memory::NodeMetrics> PmuWatch::node_metrics() const {
  std::vector<memory::NodeMetrics> out;
  if (!measured_) return out;
  for (const auto& node : nodes_)
    if (node.metrics.any()) out.push_back(memory::node_metrics(node, options_.simulate, compared_ns_));
  return out;
}

std::vector<std::string> PmuWatch::degraded() const {
  std::vector<std::string> out;
  if (options_.simulate) {
    std::string sentence = "Memory counters are simulated (--simulate cxl): no figure of memory traffic is measured, and whatever rests on one is labelled simulated";
    std::string real;
    for (const auto& memory : devices_.cxl)
      if (memory.pmu) real += (real.empty() ? "" : ", ") + *memory.pmu;
    if (!real.empty()) sentence += "; the real counters (" + real + ") are not read meanwhile";
    out.push_back(sentence + ".");
  }
  for (const auto& source : sources_)
    if (auto problem = problem_of(source); !problem.empty()) out.push_back(std::move(problem) + ".");
  return out;
}

}  // namespace vigil::app
