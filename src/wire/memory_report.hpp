// SPDX-License-Identifier: GPL-2.0-only
//
// What `explain` and `status` say of memory. An empty optional is null: it was not measured.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace vigil::wire {

// Of one memory-bound process.
struct MemoryReport {
  std::optional<double> locality{};  // 0 … 100
  std::optional<std::uint64_t> working_set_bytes{}, hot_bytes{}, warm_bytes{}, cold_bytes{};
  std::optional<double> access_hz{};         // times a second that a page of the working set is used, at most one a sample
  std::optional<double> moves_per_second{};  // of its tasks, to another node
  std::vector<std::uint64_t> hot_pages{};    // sampled, by node; empty: unknown
  std::vector<double> ran_share{};           // by node; empty: unknown
  std::optional<std::uint64_t> measured_ns{};
  std::optional<std::uint32_t> near_node{};
  std::optional<std::string> near_cpus{};
  std::string near_why{};
  std::int32_t lead_us = 0;
  bool watched = false;                     // by DAMON, now
  std::string why_not_watched{};
  std::optional<double> cost_share{};       // of a core: what watching it costs
  std::optional<double> samples_per_second{};
  std::optional<std::uint32_t> sample_us{};
};

struct MemoryStatus {
  std::uint64_t processes = 0;  // memory-bound
  std::uint64_t watched = 0;    // of them, by DAMON, now
  std::string damon = "off";    // "on", "off" (nobody to watch), "unavailable"
  std::string why{};            // it is unavailable; or what was switched off for it
  std::optional<bool> pressure{};
  std::optional<std::int32_t> kworker_lead_us{};
};

nlohmann::json to_json(const MemoryReport& report);
nlohmann::json to_json(const MemoryStatus& status);

}  // namespace vigil::wire
