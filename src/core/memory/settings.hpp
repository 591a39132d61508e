// SPDX-License-Identifier: GPL-2.0-only
//
// Every threshold of the memory-aware decisions; [memory] of vigil.toml. The defaults are the first design's, where it
// had a number. Points are its priorities: each is worth lead_us_per_point of deadline lead.
#pragma once

#include <cstdint>

namespace vigil::memory {

enum class DamonStat : std::uint8_t {
  keep,   // never touched: where it runs, no access pattern is known
  yield,  // switched off while a memory-bound process is watched, and back on afterwards
};

struct Settings {
  bool damon = true;  // watch memory-bound processes at all
  DamonStat damon_stat = DamonStat::keep;
  std::uint32_t sample_ms = 50;
  std::uint32_t aggregation_ms = 1000;
  std::uint32_t regions_max = 200;
  std::uint32_t watched_max = 8;        // processes at a time
  std::uint32_t resident_min_mib = 64;  // smaller ones are not worth a kernel thread
  double cost_max = 0.01;               // of a core, a process; above it the intervals grow

  double locality_boost = 80;           // score above which vectordb is boosted
  double locality_margin = 5;           // how far below it the boost ends
  double kworker_promotion = 70;        // score of some memory-bound process above which kworkers are promoted
  double migrations_ruinous = 50;       // moves to another node a second that make any locality worthless
  double bandwidth_high_mib_s = 1000;
  double hit_rate_high = 0.9;
  double latency_low_ns = 120;
  std::uint32_t metrics_valid_ms = 5000;  // older measurements of a node are unknown

  double near_points = 30, bandwidth_points = 20, hit_rate_points = 15, latency_points = 15, idle_points = 25;
  double domain_margin = 10;            // points by which another domain must be better

  std::int32_t boost_lead = 20, bandwidth_lead = 10, promotion_lead = 15, pressure_lead = -10;  // points
  std::uint32_t lead_us_per_point = 1000;
  std::uint32_t pressure_stall_ms = 150;  // of some task, in 2 s
  std::uint32_t pressure_hold_ms = 10000;

  bool operator==(const Settings&) const = default;
};

}  // namespace vigil::memory
