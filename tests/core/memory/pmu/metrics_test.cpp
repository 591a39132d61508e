// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/metrics.hpp"

#include <doctest/doctest.h>

#include <array>

#include "core/memory/pmu/pace.hpp"
#include "core/memory/pmu/report.hpp"
#include "core/memory/pmu/simulation.hpp"

using namespace vigil::memory;
using Purpose = CounterGroup::Purpose;
using doctest::Approx;
using namespace std::chrono_literals;

namespace {

Counter counter(Count what, double unit = 1) { return {.what = what, .unit = unit, .parts = {{}}, .joined = {}}; }

// From nothing to these counts in one second.
PmuMetrics in_a_second(Purpose purpose, std::vector<Counter> counters, std::vector<std::uint64_t> counts, std::uint64_t running = 1'000'000'000) {
  PmuMetrics out;
  add_rates(out, purpose, counters,
            compare({.counts = std::vector<std::uint64_t>(counts.size())}, {.enabled_ns = 1'000'000'000, .running_ns = running, .counts = counts}));
  return out;
}

}  // namespace

TEST_CASE("pmu metrics: bytes a second are transfers times their size") {
  const auto metrics = in_a_second(Purpose::traffic, {counter(Count::reads, 64), counter(Count::writes, 64)}, {1'000'000, 250'000});
  CHECK(metrics.read_bytes_per_s == Approx(64e6));
  CHECK(metrics.write_bytes_per_s == Approx(16e6));
  CHECK(metrics.share == Approx(1));
  CHECK_FALSE(metrics.utilisation());
}

TEST_CASE("pmu metrics: counted half of the time is counted twice") {
  const auto metrics = in_a_second(Purpose::traffic, {counter(Count::reads, 64)}, {500'000}, 500'000'000);
  CHECK(metrics.read_bytes_per_s == Approx(64e6));
  CHECK(metrics.share == Approx(0.5));
  CHECK_FALSE(metrics.write_bytes_per_s);
}

TEST_CASE("pmu metrics: readings that allow no conclusion say why and give nothing") {
  const GroupReading before{.enabled_ns = 1000, .running_ns = 1000, .counts = {100, 100}};
  const auto why = [&](const GroupReading& after) {
    const auto delta = compare(before, after);
    CHECK_FALSE(delta);
    PmuMetrics metrics;
    add_rates(metrics, Purpose::traffic, std::array{counter(Count::reads, 64), counter(Count::writes, 64)}, delta);
    CHECK(metrics == PmuMetrics{});
    CHECK_FALSE(to_string(delta.why).empty());
    return delta.why;
  };
  CHECK(why(before) == NoDelta::no_time);
  CHECK(why({.enabled_ns = 2000, .running_ns = 1000, .counts = {100, 100}}) == NoDelta::never_ran);
  CHECK(why({.enabled_ns = 101'000, .running_ns = 2000, .counts = {200, 200}}) == NoDelta::too_little);
  CHECK(why({.enabled_ns = 2000, .running_ns = 2000, .counts = {200, 99}}) == NoDelta::backwards);
  CHECK(why({.enabled_ns = 500, .running_ns = 500, .counts = {200, 200}}) == NoDelta::backwards);
  CHECK(why({.enabled_ns = 2000, .running_ns = 2000, .counts = {200}}) == NoDelta::shape);
}

TEST_CASE("pmu metrics: a counter that wraps goes on") {
  const auto delta = compare({.enabled_ns = 0, .running_ns = 0, .counts = {~0ULL - 9}}, {.enabled_ns = 1'000'000'000, .running_ns = 1'000'000'000, .counts = {90}});
  REQUIRE(delta);
  CHECK(delta.per_second[0] == Approx(100));
}

TEST_CASE("pmu metrics: reads that DRAM did not see were hits of the device's cache") {
  const auto hits = [](std::uint64_t reads, std::uint64_t dram) {
    return in_a_second(Purpose::device_cache, {counter(Count::reads, 64), counter(Count::dram_reads)}, {reads, dram}).device_cache_hits->value();
  };
  CHECK(hits(1000, 400) == Approx(0.6));
  CHECK(hits(1000, 0) == Approx(1));
  CHECK(hits(1000, 1500) == Approx(0));  // scrubbing
  CHECK_FALSE(hits(0, 0));
}

TEST_CASE("pmu metrics: snoops that found the line") {
  const auto hits = [](std::uint64_t asked, std::uint64_t hit) {
    return in_a_second(Purpose::snoops, {counter(Count::snoops), counter(Count::snoop_hits)}, {asked, hit}).snoop_hits->value();
  };
  CHECK(hits(200, 50) == Approx(0.25));
  CHECK_FALSE(hits(0, 0));
}

TEST_CASE("pmu metrics: latency by Little's law") {
  // At 2 GHz, 10 million reads a second that wait 500 clocks each: 250 ns.
  const std::vector counters = {counter(Count::clocks), counter(Count::reads, 64), counter(Count::read_occupancy)};
  CHECK(in_a_second(Purpose::read_latency, counters, {2'000'000'000, 10'000'000, 5'000'000'000}).read_latency_ns->value() == Approx(250));
  // The same from a counter that ran a quarter of the time.
  CHECK(in_a_second(Purpose::read_latency, counters, {500'000'000, 2'500'000, 1'250'000'000}, 250'000'000).read_latency_ns->value() == Approx(250));
  CHECK_FALSE(in_a_second(Purpose::read_latency, counters, {2'000'000'000, 0, 0}).read_latency_ns->value());
  CHECK_FALSE(in_a_second(Purpose::read_latency, counters, {0, 10, 10}).read_latency_ns);
}

TEST_CASE("pmu metrics: a node's traffic is that of all its sources, or unknown") {
  PmuMetrics a, b;
  a.read_bytes_per_s = 1e9;
  a.write_bytes_per_s = 2e9;
  a.read_latency_ns = Mean{100 * 10, 10};
  b.read_bytes_per_s = 3e9;
  b.read_latency_ns = Mean{200 * 30, 30};
  const std::array both{a, b};
  auto node = combine(both, true, 8'000, 8'000);
  CHECK(node.read_bytes_per_s == Approx(4e9));
  CHECK_FALSE(node.write_bytes_per_s);
  CHECK(node.read_latency_ns->value() == Approx(175));
  CHECK(node.utilisation() == Approx(4e9 / (8'000 * 1048576.0)));
  node = combine(both, false, 8'000, 8'000);
  CHECK_FALSE(node.read_bytes_per_s);
  CHECK_FALSE(node.utilisation());
  node = combine(both, true, std::nullopt, std::nullopt);
  CHECK_FALSE(node.utilisation());
  CHECK(combine({}, true, 1, 1) == PmuMetrics{});
}

TEST_CASE("pmu report: what the model is handed has nothing in it that was not measured") {
  PmuReport::Node node{.node = 3, .metrics = {}};
  CHECK(node_metrics(node, false, 7) == NodeMetrics{.node = 3, .at_ns = 7});
  node.metrics.snoop_hits = Mean{1, 4};
  node.metrics.read_bytes_per_s = 1048576.0;
  auto handed = node_metrics(node, true, 7);
  CHECK(handed.hit_rate == Approx(0.25));
  CHECK(handed.read_mib_s == Approx(1));
  CHECK_FALSE(handed.bandwidth_mib_s());
  CHECK(handed.simulated);
  node.metrics.device_cache_hits = Mean{3, 4};
  CHECK(node_metrics(node, false, 7).hit_rate == Approx(0.75));
}

TEST_CASE("pmu pace: ten times a second while it changes, once while it does not") {
  Pace pace;
  CHECK(pace.interval() == 100ms);
  CHECK(pace.after(1e9, 1us) == 100ms);
  CHECK(pace.after(1e9, 1us) == 200ms);
  CHECK(pace.after(1.05e9, 1us) == 400ms);
  CHECK(pace.after(1e9, 1us) == 800ms);
  CHECK(pace.after(1e9, 1us) == 1s);
  CHECK(pace.after(1e9, 1us) == 1s);
  CHECK(pace.after(2e9, 1us) == 100ms);
  CHECK(pace.after(std::nullopt, 1us) == 100ms);
  CHECK_FALSE(pace.costly());
}

TEST_CASE("pmu pace: reading costs at most one hundredth of a CPU") {
  Pace pace;
  for (int i = 0; i < 50; ++i) pace.after(i % 2 ? 1e9 : 2e9, 20ms);
  CHECK(pace.interval() == 2s);
  CHECK(pace.costly());
  for (int i = 0; i < 100; ++i) pace.after(i % 2 ? 1e9 : 2e9, 10us);
  CHECK(pace.interval() == 100ms);
  CHECK_FALSE(pace.costly());
}

TEST_CASE("simulated CXL: the same seed and times give the same counts, another seed others") {
  const auto run = [](std::uint64_t seed) {
    SimulatedCxl device(seed);
    device.advance(1'000'000'000, 0, 2);
    std::vector<GroupReading> out;
    for (std::uint64_t i = 1; i <= 20; ++i) {
      device.advance(1'000'000'000 + i * 100'000'000, 200'000'000, 2);
      for (std::size_t group = 0; group < SimulatedCxl::source(1).groups.size(); ++group) out.push_back(device.read(group));
    }
    return out;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}

TEST_CASE("simulated CXL: figures are those of the model, and nothing moves while nobody runs") {
  SimulatedCxl device;
  const auto source = SimulatedCxl::source(1);
  device.advance(1'000'000'000, 0, 4);
  const auto sample = [&](std::uint64_t now, std::uint64_t ran) {
    PmuMetrics out;
    std::vector<GroupReading> before;
    for (std::size_t i = 0; i < source.groups.size(); ++i) before.push_back(device.read(i));
    device.advance(now, ran, 4);
    for (std::size_t i = 0; i < source.groups.size(); ++i) add_rates(out, source.groups[i].purpose, source.groups[i].counters, compare(before[i], device.read(i)));
    return out;
  };
  auto idle = sample(2'000'000'000, 0);
  CHECK(idle.read_bytes_per_s == Approx(0));
  CHECK_FALSE(idle.read_latency_ns->value());
  auto busy = sample(3'000'000'000, 4'000'000'000);  // all CPUs, two of ten seconds into the triangle
  CHECK(busy.read_bytes_per_s == Approx(0.8 * 0.76 * SimulatedCxl::kReadPeak).epsilon(0.06));
  CHECK(busy.write_bytes_per_s == Approx(0.3 * 0.76 * SimulatedCxl::kWritePeak).epsilon(0.06));
  CHECK(busy.device_cache_hits->value() == Approx(0.34).epsilon(0.01));
  CHECK(busy.read_latency_ns->value() == Approx(170 / (1 - 0.8 * 0.76)).epsilon(0.06));
}
