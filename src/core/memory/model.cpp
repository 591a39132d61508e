// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/memory/locality.hpp"

namespace vigil::memory {

namespace {

// On above `on`, off below `off`: a value that trembles on the edge changes nothing.
bool with_hysteresis(bool now, std::optional<double> value, double on, double off) {
  if (!value) return false;
  return now ? *value > off : *value > on;
}

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

}  // namespace

void MemoryModel::set_machine(const topology::Topology& topology) {
  Domains fresh(topology);
  if (fresh == domains_) return;
  domains_ = std::move(fresh);
  idle_.clear();
  for (auto& [key, process] : processes_) {
    process.view.hot_pages.clear();
    process.view.locality.reset();
  }
  std::erase_if(metrics_, [&](const auto& each) { return !topology.find_node(each.first); });
}

void MemoryModel::take(const NodeMetrics& metrics) { metrics_[metrics.node] = metrics; }

const NodeMetrics* MemoryModel::valid(NodeId node, std::uint64_t now) const {
  const auto found = metrics_.find(node);
  if (found == metrics_.end()) return nullptr;
  const auto& metrics = found->second;
  return now > metrics.at_ns && now - metrics.at_ns > settings_.metrics_valid_ms * 1'000'000ULL ? nullptr : &metrics;
}

std::vector<NodeMetrics> MemoryModel::metrics(std::uint64_t now) const {
  std::vector<NodeMetrics> out;
  for (const auto& [node, metrics] : metrics_)
    if (valid(node, now)) out.push_back(metrics);
  return out;
}

bool MemoryModel::simulated() const {
  return std::any_of(metrics_.begin(), metrics_.end(), [](const auto& each) { return each.second.simulated; });
}

void MemoryModel::add(const ProcKey& key, bool boosted) { processes_[key].boosted = boosted; }

void MemoryModel::take(const AccessSample& sample) {
  const auto found = processes_.find(sample.key);
  if (found == processes_.end()) return;
  auto& view = found->second.view;
  view.hot_bytes = sample.hot_bytes;
  view.warm_bytes = sample.warm_bytes;
  view.cold_bytes = sample.cold_bytes;
  view.access_hz = sample.access_hz;
  view.hot_pages = sample.hot_pages;
  // A process that slept has not moved: it is where it was.
  if (std::any_of(sample.ran_ns.begin(), sample.ran_ns.end(), [](auto ns) { return ns > 0; })) view.ran_ns = sample.ran_ns;
  view.moves_per_second.reset();
  if (sample.node_moves && sample.span_ns > 0)
    view.moves_per_second = static_cast<double>(*sample.node_moves) * 1e9 / static_cast<double>(sample.span_ns);
  view.locality = locality_score(domains_, {view.hot_pages, view.ran_ns, view.moves_per_second}, settings_.migrations_ruinous);
  view.measured_ns = sample.at_ns;
}

void MemoryModel::forget_accesses(const ProcKey& key) {
  if (const auto found = processes_.find(key); found != processes_.end()) found->second.view = {};
}

DomainFacts MemoryModel::facts_of(const Process& process, std::size_t domain, std::uint64_t now) const {
  const auto& [id, cpus, nodes] = domains_.all()[domain];
  DomainFacts facts;
  const auto& pages = process.view.hot_pages;
  const auto all = std::accumulate(pages.begin(), pages.end(), std::uint64_t{0});
  if (all >= kFewPages) {
    double near = 0;
    for (NodeId node = 0; node < pages.size(); ++node)
      if (pages[node] > 0) near += static_cast<double>(pages[node]) * domains_.nearness(cpus, node);
    facts.near = near / static_cast<double>(all);
  } else {
    // Where its pages are is unknown; that there is memory for such processes, and who is near it, is not.
    for (const auto node : domains_.far()) facts.near = std::max(facts.near.value_or(0), domains_.nearness(cpus, node));
  }
  for (const auto node : nodes) {
    const auto* metrics = valid(node, now);
    if (!metrics) continue;
    const auto best = [](std::optional<double>& into, std::optional<double> value, bool larger) {
      if (value && (!into || (larger ? *value > *into : *value < *into))) into = value;
    };
    best(facts.bandwidth_mib_s, metrics->bandwidth_mib_s(), true);
    best(facts.hit_rate, metrics->hit_rate, true);
    best(facts.latency_ns, metrics->latency_ns, false);
  }
  if (domain < idle_.size()) facts.idle = idle_[domain];
  return facts;
}

std::pair<std::optional<NodeId>, std::string> MemoryModel::choose(const Process& process, std::uint64_t now) const {
  const auto& all = domains_.all();
  if (all.size() < 2) return {std::nullopt, "all CPUs are equally near to all memory"};
  std::optional<std::size_t> best;
  std::optional<double> present, least;
  double best_score = 0;
  DomainFacts best_facts;
  CpuSet everything;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto facts = facts_of(process, i, now);
    const auto score = domain_score(facts, settings_);
    everything = everything | all[i].cpus;
    if (!least || score < *least) least = score;
    if (!facts.memory_known()) continue;
    if (process.hint.near && all[i].node == *process.hint.near) present = score;
    // Of equals the smaller set, which says more.
    if (best && (score < best_score || (score == best_score && all[i].cpus.count() >= all[*best].cpus.count()))) continue;
    best = i;
    best_score = score;
    best_facts = facts;
  }
  if (!best) return {std::nullopt, "nothing is known of where its memory is"};
  const auto& chosen = all[*best];
  if (present && best_score < *present + settings_.domain_margin) {
    // It stays where it is, for the reason of then if another is a little better by now.
    if (chosen.node != process.hint.near) return {process.hint.near, process.why};
  } else if (best_score < *least + settings_.domain_margin || chosen.cpus == everything) {
    return {std::nullopt, "no CPUs are clearly nearer to its memory than others"};
  }
  std::string why = "CPUs " + chosen.cpus.to_string() + ": ";
  if (!process.view.hot_pages.empty() && best_facts.near)
    why += percent(*best_facts.near) + " of its hot memory is near";
  else if (best_facts.near && *best_facts.near > 0)
    why += "near memory that has no CPUs of its own (CXL and the like); where the process's own pages are is not known";
  else
    why += "by what was measured of their memory";
  return {chosen.node, why};
}

// Of the nodes that hold its memory: the busiest one's.
std::optional<double> MemoryModel::bandwidth_of(const Process& process, std::uint64_t now) const {
  std::optional<double> out;
  const auto& pages = process.view.hot_pages;
  for (NodeId node = 0; node < pages.size(); ++node) {
    if (pages[node] == 0) continue;
    const auto* metrics = valid(node, now);
    if (const auto value = metrics ? metrics->bandwidth_mib_s() : std::nullopt; value && (!out || *value > *out)) out = value;
  }
  return out;
}

std::vector<HintChange> MemoryModel::decide(std::uint64_t now) {
  std::vector<HintChange> out;
  std::optional<double> most_local;
  for (auto& [key, process] : processes_) {
    if (process.view.locality) most_local = std::max(most_local.value_or(0), *process.view.locality);
    process.local = with_hysteresis(process.local, process.view.locality, settings_.locality_boost,
                                    settings_.locality_boost - settings_.locality_margin);
    process.fast = with_hysteresis(process.fast, bandwidth_of(process, now), settings_.bandwidth_high_mib_s,
                                   settings_.bandwidth_high_mib_s * 0.9);
    Hint hint;
    auto [near, why] = choose(process, now);
    hint.near = near;
    std::int32_t points = 0;
    if (process.boosted && process.local) points += settings_.boost_lead;
    if (process.boosted && process.fast) points += settings_.bandwidth_lead;
    hint.lead_us = points * static_cast<std::int32_t>(settings_.lead_us_per_point);
    process.why = why;
    if (hint == process.hint) continue;
    process.hint = hint;
    out.push_back({key, hint, process.why});
  }
  promoted_ = with_hysteresis(promoted_, most_local, settings_.kworker_promotion, settings_.kworker_promotion - settings_.locality_margin);
  return out;
}

std::int32_t MemoryModel::kworker_lead_us() const {
  const auto per_point = static_cast<std::int32_t>(settings_.lead_us_per_point);
  if (pressure_) return settings_.pressure_lead * per_point;
  return promoted_ ? settings_.promotion_lead * per_point : 0;
}

const ProcessView* MemoryModel::find(const ProcKey& key) const {
  const auto found = processes_.find(key);
  return found == processes_.end() ? nullptr : &found->second.view;
}

std::optional<Hint> MemoryModel::hint(const ProcKey& key) const {
  const auto found = processes_.find(key);
  return found == processes_.end() ? std::nullopt : std::optional(found->second.hint);
}

std::string MemoryModel::why(const ProcKey& key) const {
  const auto found = processes_.find(key);
  return found == processes_.end() ? std::string() : found->second.why;
}

std::vector<ProcKey> MemoryModel::processes() const {
  std::vector<ProcKey> out;
  for (const auto& [key, process] : processes_) out.push_back(key);
  return out;
}

}  // namespace vigil::memory
