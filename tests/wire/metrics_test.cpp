// SPDX-License-Identifier: GPL-2.0-only
#include "wire/metrics.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace vigil::wire;
using nlohmann::json;

namespace {

Metrics example() {
  Metrics metrics;
  metrics.counter("events_seen", "Events that passed.")
      .add(12, {{"event", "exec"}})
      .add(3, {{"event", "fork"}});
  metrics.gauge("memory_locality", "Share of near accesses.").add(std::nullopt, {{"node", "1"}}).add(0.25);
  metrics.histogram("wakeup_latency_seconds", "Runnable until running.", {0.001, 0.01})
      .add_histogram({5, 2, 1}, 0.5, {{"class", "gaming"}});
  return metrics;
}

}  // namespace

TEST_CASE("metrics: OpenMetrics text, with cumulative buckets and without what is unknown") {
  CHECK(format_openmetrics(example()) ==
        R"(# TYPE vigil_events_seen counter
# HELP vigil_events_seen Events that passed.
vigil_events_seen_total{event="exec"} 12
vigil_events_seen_total{event="fork"} 3
# TYPE vigil_memory_locality gauge
# HELP vigil_memory_locality Share of near accesses.
vigil_memory_locality 0.25
# TYPE vigil_wakeup_latency_seconds histogram
# UNIT vigil_wakeup_latency_seconds seconds
# HELP vigil_wakeup_latency_seconds Runnable until running.
vigil_wakeup_latency_seconds_bucket{class="gaming",le="0.001"} 5
vigil_wakeup_latency_seconds_bucket{class="gaming",le="0.01"} 7
vigil_wakeup_latency_seconds_bucket{class="gaming",le="+Inf"} 8
vigil_wakeup_latency_seconds_count{class="gaming"} 8
vigil_wakeup_latency_seconds_sum{class="gaming"} 0.5
# EOF
)");
}

TEST_CASE("metrics: label values are escaped") {
  Metrics metrics;
  metrics.gauge("g", "").add(1, {{"name", "a\"b\\c\nd"}});
  CHECK(format_openmetrics(metrics).find(R"(vigil_g{name="a\"b\\c\nd"} 1)") != std::string::npos);
}

TEST_CASE("metrics: through JSON and back nothing changes, and unknown stays unknown") {
  const json body = to_json(example());
  CHECK(body["metrics"][1]["samples"][0]["value"].is_null());
  CHECK(body["metrics"][0]["samples"][0]["value"].is_number_integer());
  const auto back = metrics_from_json(json::parse(body.dump()));
  REQUIRE(back);
  CHECK(to_json(*back) == body);
  CHECK(format_openmetrics(*back) == format_openmetrics(example()));
}

TEST_CASE("metrics: a body that is none is refused with the reason") {
  CHECK_FALSE(metrics_from_json(json::array()));
  CHECK_FALSE(metrics_from_json({{"metrics", {{{"name", "x"}, {"type", "tachometer"}}}}}));
  const auto short_counts = metrics_from_json(
      {{"metrics",
        {{{"name", "h"}, {"type", "histogram"}, {"bounds", {1, 2}}, {"samples", {{{"counts", {1, 2}}}}}}}}});
  REQUIRE_FALSE(short_counts);
  CHECK(short_counts.error().message().find("'h'") != std::string::npos);
}
