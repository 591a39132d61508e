// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/domains.hpp"

#include <algorithm>

namespace vigil::memory {

Domains::Domains(const topology::Topology& topology) {
  for (const auto& node : topology.nodes) {
    if (node.id >= kMaxNearNodes) continue;
    Entry entry{node.id, node.cpus, node.near_cpus.value_or(node.cpus) & topology.online()};
    nodes_.push_back(entry);
    if (entry.near.empty()) continue;  // nothing says who is near
    auto found = std::find_if(all_.begin(), all_.end(), [&](const Domain& domain) { return domain.cpus == entry.near; });
    if (found == all_.end()) found = all_.insert(all_.end(), Domain{node.id, entry.near, {}});
    found->nodes.push_back(node.id);
    found->node = std::min(found->node, node.id);
    if (node.cpus.empty()) far_.push_back(node.id);
  }
}

const Domain* Domains::find(NodeId node) const {
  for (const auto& domain : all_)
    if (std::find(domain.nodes.begin(), domain.nodes.end(), node) != domain.nodes.end()) return &domain;
  return nullptr;
}

const Domains::Entry* Domains::entry(NodeId node) const {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](const Entry& each) { return each.id == node; });
  return found == nodes_.end() ? nullptr : &*found;
}

double Domains::nearness(const CpuSet& cpus, NodeId node) const {
  const auto* memory = entry(node);
  if (!memory || cpus.empty()) return 0;
  return static_cast<double>((cpus & memory->near).count()) / cpus.count();
}

double Domains::nearness(NodeId home, NodeId node) const {
  if (home == node) return 1;
  const auto* from = entry(home);
  return from ? nearness(from->cpus, node) : 0;
}

bool Domains::operator==(const Domains& other) const { return nodes_ == other.nodes_; }

double domain_score(const DomainFacts& facts, const Settings& settings) {
  double score = 0;
  if (facts.near) score += *facts.near * settings.near_points;
  if (facts.bandwidth_mib_s && *facts.bandwidth_mib_s >= settings.bandwidth_high_mib_s) score += settings.bandwidth_points;
  if (facts.hit_rate && *facts.hit_rate >= settings.hit_rate_high) score += settings.hit_rate_points;
  if (facts.latency_ns && *facts.latency_ns < settings.latency_low_ns) score += settings.latency_points;
  if (facts.idle) score += *facts.idle * settings.idle_points;
  return score;
}

}  // namespace vigil::memory
