// SPDX-License-Identifier: GPL-2.0-only
//
// The sets of CPUs that placement by memory chooses among, made once per look at the machine: for each memory node the
// CPUs near it, nodes with the same CPUs together. And what each is worth to a process.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/cpu_set.hpp"
#include "core/memory/metrics.hpp"
#include "core/memory/settings.hpp"
#include "core/topology/topology.hpp"

namespace vigil::memory {

// A domain's near set is the scheduler's CPU set 16 + node, of which there are this many.
inline constexpr NodeId kMaxNearNodes = 48;

struct Domain {
  NodeId node = 0;            // the lowest of `nodes`
  CpuSet cpus{};
  std::vector<NodeId> nodes;  // memory to which these are the near CPUs
};

class Domains {
 public:
  Domains() = default;
  explicit Domains(const topology::Topology& topology);

  const std::vector<Domain>& all() const { return all_; }
  const Domain* find(NodeId node) const;  // the domain that serves this node
  const std::vector<NodeId>& far() const { return far_; }  // memory without CPUs of its own, with CPUs known to be near
  // How much of the CPUs of node `home` is near the memory of `node`: 0 … 1.
  double nearness(NodeId home, NodeId node) const;
  double nearness(const CpuSet& cpus, NodeId node) const;
  bool operator==(const Domains& other) const;

 private:
  struct Entry {
    NodeId id = 0;
    CpuSet cpus, near;
    bool operator==(const Entry&) const = default;
  };
  const Entry* entry(NodeId node) const;
  std::vector<Entry> nodes_;
  std::vector<Domain> all_;
  std::vector<NodeId> far_;
};

// What is known of a domain for one process. Unknown adds nothing.
struct DomainFacts {
  std::optional<double> near{};  // 0 … 1: share of the process's memory that is near
  std::optional<double> bandwidth_mib_s{}, hit_rate{}, latency_ns{};
  std::optional<double> idle{};  // 0 … 1: share of its CPU time that nobody used

  // Idle CPUs alone are no reason to follow memory.
  bool memory_known() const { return near || bandwidth_mib_s || hit_rate || latency_ns; }
};

double domain_score(const DomainFacts& facts, const Settings& settings);

}  // namespace vigil::memory
