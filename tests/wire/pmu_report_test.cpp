// SPDX-License-Identifier: GPL-2.0-only
#include "wire/pmu_report.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace vigil;
using nlohmann::json;

namespace {

memory::PmuReport report(bool simulated) {
  memory::PmuReport out;
  out.simulated = simulated;
  out.counting = true;
  out.samples = 4;
  out.sample_cost_ns = 4000;
  memory::PmuMetrics metrics;
  metrics.read_bytes_per_s = 1e9;
  metrics.read_latency_ns = memory::Mean{250 * 10, 10};
  metrics.snoop_hits = memory::Mean{};  // nobody snooped
  out.sources.push_back({.name = "cxl_pmu_mem0.0", .kind = "cxl", .device = "mem0", .node = 1, .problem = "", .metrics = metrics});
  out.nodes.push_back({1, metrics});
  out.nodes.push_back({2, {}});
  return out;
}

}  // namespace

TEST_CASE("pmu report: what was not measured is null in status") {
  const auto body = wire::to_json(report(false));
  CHECK(body["simulated"] == false);
  CHECK(body["sample_cost_ns"] == 1000);
  const auto& source = body["sources"][0];
  CHECK(source["read_bytes_per_s"] == 1e9);
  CHECK(source["read_latency_ns"] == 250);
  for (const char* field : {"write_bytes_per_s", "device_cache_hit_rate", "snoop_hit_rate", "write_latency_ns", "utilisation", "problem"}) {
    CAPTURE(field);
    REQUIRE(source.contains(field));
    CHECK(source[field].is_null());
  }
  for (const auto& [field, value] : body["nodes"][1].items()) {
    CAPTURE(field);
    if (field != "node" && field != "simulated") CHECK(value.is_null());
  }
}

TEST_CASE("pmu report: what was not measured is unknown in stats and absent from OpenMetrics") {
  wire::Metrics metrics;
  wire::add_metrics(metrics, report(false));
  const auto text = wire::format_openmetrics(metrics);
  CHECK(text.find("vigil_memory_source_read_bytes_per_second{source=\"cxl_pmu_mem0.0\",node=\"1\"} 1000000000\n") != std::string::npos);
  CHECK(text.find("vigil_memory_node_read_latency_seconds{node=\"1\"} 2.5e-07\n") != std::string::npos);
  CHECK(text.find("write_bytes_per_second{") == std::string::npos);
  CHECK(text.find("node=\"2\"") == std::string::npos);
  CHECK(text.find("simulated") == std::string::npos);
  const auto body = wire::to_json(metrics);
  std::size_t unknown = 0;
  for (const auto& metric : body["metrics"])
    for (const auto& sample : metric["samples"]) unknown += sample["value"].is_null();
  CHECK(unknown > 10);
}

TEST_CASE("pmu report: every sample and every object of a simulation says that it is one") {
  wire::Metrics metrics;
  wire::add_metrics(metrics, report(true));
  for (const auto& metric : metrics.list())
    for (const auto& sample : metric.samples) {
      CAPTURE(metric.name);
      REQUIRE_FALSE(sample.labels.empty());
      CHECK(sample.labels.back() == std::pair<std::string, std::string>("simulated", "true"));
    }
  const auto body = wire::to_json(report(true));
  CHECK(body["simulated"] == true);
  for (const char* list : {"sources", "nodes"})
    for (const auto& object : body[list]) CHECK(object["simulated"] == true);
}

TEST_CASE("pmu report: without sources there are counters and no figure") {
  wire::Metrics metrics;
  wire::add_metrics(metrics, {});
  for (const auto& metric : metrics.list()) CHECK(metric.type == wire::MetricType::counter);
}
