// SPDX-License-Identifier: GPL-2.0-only
//
// All that was measured about memory, and what scheduling should make of it: for each memory-bound process the CPUs it
// should prefer and how much sooner it is due, for kernel workers whether they are held back.
//
// Pure. Measurements come in by take(); decide() says what has changed since it was asked before, and why. What was not
// measured is absent in every answer, and no decision rests on it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "core/memory/domains.hpp"
#include "core/memory/metrics.hpp"
#include "core/memory/settings.hpp"

namespace vigil::memory {

// How one process used its memory in one interval, as DAMON saw it, and where its pages and its CPUs were.
struct AccessSample {
  ProcKey key{};
  std::uint64_t at_ns = 0;
  std::uint64_t span_ns = 0;  // since the sample before; 0: the first
  std::uint64_t hot_bytes = 0, warm_bytes = 0;
  std::optional<std::uint64_t> cold_bytes{};      // resident, but not found used
  std::optional<double> access_hz{};              // times a second that a page of the working set was found used
  std::vector<std::uint64_t> hot_pages{};         // sampled pages by node; empty: unknown
  std::vector<std::uint64_t> ran_ns{};            // by node; empty: unknown
  std::optional<std::uint64_t> node_moves{};      // of its tasks, in the span
};

// What is shown of a process.
struct ProcessView {
  std::optional<double> locality{};
  std::optional<std::uint64_t> hot_bytes{}, warm_bytes{}, cold_bytes{};
  std::optional<double> access_hz{}, moves_per_second{};
  std::vector<std::uint64_t> hot_pages{}, ran_ns{};
  std::optional<std::uint64_t> measured_ns{};

  std::optional<std::uint64_t> working_set_bytes() const {
    if (!hot_bytes || !warm_bytes) return std::nullopt;
    return *hot_bytes + *warm_bytes;
  }
};

struct Hint {
  std::optional<NodeId> near{};  // prefer the near CPUs of this node
  std::int32_t lead_us = 0;      // due so much sooner
  bool operator==(const Hint&) const = default;
};

struct HintChange {
  ProcKey key{};
  Hint hint{};
  std::string why{};  // a sentence
};

class MemoryModel {
 public:
  explicit MemoryModel(Settings settings = {}) : settings_(settings) {}
  void set_settings(const Settings& settings) { settings_ = settings; }
  const Settings& settings() const { return settings_; }

  // A machine whose nodes are other than before makes unknown what was known of where pages are.
  void set_machine(const topology::Topology& topology);
  const Domains& domains() const { return domains_; }

  void take(const NodeMetrics& metrics);
  void forget_node(NodeId node) { metrics_.erase(node); }
  // Measurements still valid at `now`.
  std::vector<NodeMetrics> metrics(std::uint64_t now) const;
  bool simulated() const;

  // A process is memory-bound; `boosted`: of a class that locality boosts (vectordb).
  void add(const ProcKey& key, bool boosted);
  void remove(const ProcKey& key) { processes_.erase(key); }
  void take(const AccessSample& sample);
  // Nothing is known of its accesses any more.
  void forget_accesses(const ProcKey& key);
  // Share of each domain's CPU time that nobody used, in the order of domains().all(); empty: unknown.
  void take_idle(std::vector<double> idle) { idle_ = std::move(idle); }
  // Tasks stall for want of memory.
  void set_pressure(bool on) { pressure_ = on; }
  bool pressure() const { return pressure_; }

  std::vector<HintChange> decide(std::uint64_t now);
  // How much sooner (later: negative) kernel workers are due than their class says.
  // As of the last decide() and set_pressure().
  std::int32_t kworker_lead_us() const;

  const ProcessView* find(const ProcKey& key) const;
  std::optional<Hint> hint(const ProcKey& key) const;
  std::string why(const ProcKey& key) const;
  std::vector<ProcKey> processes() const;

 private:
  struct Process {
    bool boosted = false;
    bool local = false, fast = false;  // above the thresholds, with hysteresis
    ProcessView view;
    Hint hint;
    std::string why = "nothing is known of where its memory is";
  };
  DomainFacts facts_of(const Process& process, std::size_t domain, std::uint64_t now) const;
  std::pair<std::optional<NodeId>, std::string> choose(const Process& process, std::uint64_t now) const;
  std::optional<double> bandwidth_of(const Process& process, std::uint64_t now) const;
  const NodeMetrics* valid(NodeId node, std::uint64_t now) const;

  Settings settings_;
  Domains domains_;
  std::map<NodeId, NodeMetrics> metrics_;
  std::unordered_map<ProcKey, Process> processes_;
  std::vector<double> idle_;
  bool pressure_ = false;
  bool promoted_ = false;
};

}  // namespace vigil::memory
