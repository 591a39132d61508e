// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/metrics.hpp"

#include <algorithm>

namespace vigil::memory {

namespace {

constexpr double kLeastShare = 0.02;
constexpr double kMiB = 1048576.0;
// A counter that wrapped moved little; one that seems to have moved further than this was set back.
constexpr std::uint64_t kHalf = 1ULL << 63;

std::optional<double> rate_of(std::span<const Counter> counters, const GroupDelta& delta, Count what) {
  for (std::size_t i = 0; i < counters.size() && i < delta.per_second.size(); ++i)
    if (counters[i].what == what) return delta.per_second[i];
  return std::nullopt;
}

std::optional<double> lesser(std::optional<double> a, std::optional<double> b) { return !a ? b : !b ? a : std::min(*a, *b); }

}  // namespace

std::string_view to_string(NoDelta why) {
  switch (why) {
    case NoDelta::none: return "measured";
    case NoDelta::first: return "nothing to compare with yet";
    case NoDelta::no_time: return "no time has passed";
    case NoDelta::never_ran: return "its counters were never free";
    case NoDelta::too_little: return "it was counted for too little of the time";
    case NoDelta::backwards: return "a counter was set back";
    case NoDelta::shape: return "the counters are others than before";
  }
  return "";
}

GroupDelta compare(const GroupReading& before, const GroupReading& after) {
  GroupDelta out;
  const auto give_up = [&](NoDelta why) {
    out.why = why;
    return out;
  };
  if (before.counts.size() != after.counts.size() || after.counts.empty()) return give_up(NoDelta::shape);
  if (after.enabled_ns < before.enabled_ns || after.running_ns < before.running_ns) return give_up(NoDelta::backwards);
  const auto enabled = after.enabled_ns - before.enabled_ns, running = after.running_ns - before.running_ns;
  if (enabled == 0) return give_up(NoDelta::no_time);
  if (running == 0) return give_up(NoDelta::never_ran);
  out.share = std::min(1.0, static_cast<double>(running) / static_cast<double>(enabled));
  if (out.share < kLeastShare) return give_up(NoDelta::too_little);
  for (std::size_t i = 0; i < after.counts.size(); ++i) {
    const std::uint64_t moved = after.counts[i] - before.counts[i];  // modulo 2^64
    if (moved >= kHalf) {
      out.per_second.clear();
      return give_up(NoDelta::backwards);
    }
    out.per_second.push_back(static_cast<double>(moved) * 1e9 / static_cast<double>(running));
  }
  out.seconds = static_cast<double>(enabled) / 1e9;
  return give_up(NoDelta::none);
}

bool PmuMetrics::any() const {
  return read_bytes_per_s || write_bytes_per_s || device_cache_hits || snoop_hits || read_latency_ns || write_latency_ns;
}

std::optional<double> PmuMetrics::utilisation() const {
  if (read_utilisation && write_utilisation) return std::max(*read_utilisation, *write_utilisation);
  return read_utilisation ? read_utilisation : write_utilisation;
}

void add_rates(PmuMetrics& metrics, CounterGroup::Purpose purpose, std::span<const Counter> counters, const GroupDelta& delta) {
  if (!delta) return;
  const auto rate = [&](Count what) { return rate_of(counters, delta, what); };
  const auto bytes = [&](Count what) -> std::optional<double> {
    for (std::size_t i = 0; i < counters.size() && i < delta.per_second.size(); ++i)
      if (counters[i].what == what) return delta.per_second[i] * counters[i].unit;
    return std::nullopt;
  };
  // Time in the queue: what waited, summed over clocks, by what passed, in clocks; a clock by how many there are a second.
  const auto latency = [&](Count passed, Count waiting) -> std::optional<Mean> {
    const auto clocks = rate(Count::clocks), n = rate(passed), occupancy = rate(waiting);
    if (!clocks || !n || !occupancy || *clocks <= 0) return std::nullopt;
    return Mean{*n > 0 ? *occupancy / *clocks * 1e9 : 0, *n};
  };
  switch (purpose) {
    case CounterGroup::Purpose::traffic:
      metrics.read_bytes_per_s = bytes(Count::reads);
      metrics.write_bytes_per_s = bytes(Count::writes);
      break;
    case CounterGroup::Purpose::device_cache:
      if (const auto reads = rate(Count::reads), dram = rate(Count::dram_reads); reads && dram)
        // Scrubbing and prefetching read DRAM, too: never below nothing.
        metrics.device_cache_hits = Mean{std::max(0.0, *reads - *dram), *reads};
      break;
    case CounterGroup::Purpose::snoops:
      if (const auto asked = rate(Count::snoops), hit = rate(Count::snoop_hits); asked && hit)
        metrics.snoop_hits = Mean{std::min(*hit, *asked), *asked};
      break;
    case CounterGroup::Purpose::read_latency: metrics.read_latency_ns = latency(Count::reads, Count::read_occupancy); break;
    case CounterGroup::Purpose::write_latency: metrics.write_latency_ns = latency(Count::writes, Count::write_occupancy); break;
  }
  metrics.share = lesser(metrics.share, delta.share);
}

PmuMetrics combine(std::span<const PmuMetrics> sources, bool complete, std::optional<std::uint64_t> read_bandwidth_mib,
                   std::optional<std::uint64_t> write_bandwidth_mib) {
  PmuMetrics out;
  const auto sum = [&](std::optional<double> PmuMetrics::*member) -> std::optional<double> {
    if (!complete || sources.empty()) return std::nullopt;
    double total = 0;
    for (const auto& source : sources) {
      if (!(source.*member)) return std::nullopt;
      total += *(source.*member);
    }
    return total;
  };
  const auto mean = [&](std::optional<Mean> PmuMetrics::*member) -> std::optional<Mean> {
    Mean total;
    for (const auto& source : sources) {
      if (!(source.*member)) return std::nullopt;
      total.sum += (source.*member)->sum;
      total.weight += (source.*member)->weight;
    }
    if (sources.empty()) return std::nullopt;
    return total;
  };
  out.read_bytes_per_s = sum(&PmuMetrics::read_bytes_per_s);
  out.write_bytes_per_s = sum(&PmuMetrics::write_bytes_per_s);
  out.device_cache_hits = mean(&PmuMetrics::device_cache_hits);
  out.snoop_hits = mean(&PmuMetrics::snoop_hits);
  out.read_latency_ns = mean(&PmuMetrics::read_latency_ns);
  out.write_latency_ns = mean(&PmuMetrics::write_latency_ns);
  const auto part_of = [](std::optional<double> bytes, std::optional<std::uint64_t> mib) -> std::optional<double> {
    if (!bytes || !mib || *mib == 0) return std::nullopt;
    return *bytes / (static_cast<double>(*mib) * kMiB);
  };
  out.read_utilisation = part_of(out.read_bytes_per_s, read_bandwidth_mib);
  out.write_utilisation = part_of(out.write_bytes_per_s, write_bandwidth_mib);
  for (const auto& source : sources) out.share = lesser(out.share, source.share);
  return out;
}

}  // namespace vigil::memory
