// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/simulation.hpp"

#include <algorithm>
#include <cmath>

namespace vigil::memory {

PmuSource SimulatedCxl::source(std::uint32_t node) {
  using Purpose = CounterGroup::Purpose;
  const auto counter = [](Count what) { return Counter{.what = what, .unit = what == Count::reads || what == Count::writes ? kLineBytes : 1, .parts = {}, .joined = {}}; };
  PmuSource out{.name = "simulated_cxl", .pmu = "simulated_cxl", .kind = PmuKind::cxl, .device = {}, .node = node, .groups = {}};
  out.groups = {{.purpose = Purpose::traffic, .counters = {counter(Count::reads), counter(Count::writes)}},
                {.purpose = Purpose::device_cache, .counters = {counter(Count::reads), counter(Count::dram_reads)}},
                {.purpose = Purpose::read_latency, .counters = {counter(Count::clocks), counter(Count::reads), counter(Count::read_occupancy)}}};
  return out;
}

double SimulatedCxl::draw() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return 0.95 + 0.1 * static_cast<double>(z >> 11) / static_cast<double>(1ULL << 53);
}

void SimulatedCxl::advance(std::uint64_t now_ns, std::uint64_t bound_ns, std::uint32_t cpus) {
  if (began_ns_ == 0) began_ns_ = now_ns_ = now_ns;
  if (now_ns <= now_ns_) return;
  const double passed = static_cast<double>(now_ns - now_ns_) / 1e9;
  const double phase = std::fmod(static_cast<double>(now_ns - began_ns_) / 1e10, 1.0);
  const double triangle = phase < 0.5 ? 2 * phase : 2 - 2 * phase;
  const double busy = std::min(1.0, static_cast<double>(bound_ns) / 1e9 / passed / std::max(cpus, 1U));
  const double load = busy * (0.6 + 0.4 * triangle);
  const double reads = 0.8 * load * kReadPeak / kLineBytes * passed * draw();
  const double latency_clocks = 170e-9 * kClockHz / (1 - 0.8 * load) * draw();
  clocks_ += kClockHz * passed;
  reads_ += reads;
  writes_ += 0.3 * load * kWritePeak / kLineBytes * passed * draw();
  dram_reads_ += reads * (0.7 - 0.1 * triangle);
  read_occupancy_ += reads * latency_clocks;
  now_ns_ = now_ns;
}

GroupReading SimulatedCxl::read(std::size_t group) const {
  const auto whole = [](double value) { return static_cast<std::uint64_t>(value); };
  GroupReading out{.enabled_ns = now_ns_ - began_ns_, .running_ns = now_ns_ - began_ns_, .counts = {}};
  if (group == 0) out.counts = {whole(reads_), whole(writes_)};
  if (group == 1) out.counts = {whole(reads_), whole(dram_reads_)};
  if (group == 2) out.counts = {whole(clocks_), whole(reads_), whole(read_occupancy_)};
  return out;
}

}  // namespace vigil::memory
