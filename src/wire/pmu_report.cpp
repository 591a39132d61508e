// SPDX-License-Identifier: GPL-2.0-only
#include "wire/pmu_report.hpp"

#include <nlohmann/json.hpp>

namespace vigil::wire {

namespace {

using memory::PmuMetrics;
using nlohmann::json;

// One list for status and for stats.
struct Figure {
  const char* name;     // in stats behind memory_source_ and memory_node_
  const char* field;    // in status
  const char* help;
  const char* unit;
  double to_unit;       // from what status says to the unit of stats
  std::optional<double> (*value)(const PmuMetrics&);
};

std::optional<double> mean(const std::optional<memory::Mean>& value) { return value ? value->value() : std::nullopt; }

constexpr Figure kFigures[] = {
    {"read_bytes_per_second", "read_bytes_per_s", "Read from the memory.", "bytes_per_second", 1, [](const PmuMetrics& m) { return m.read_bytes_per_s; }},
    {"write_bytes_per_second", "write_bytes_per_s", "Written to the memory.", "bytes_per_second", 1, [](const PmuMetrics& m) { return m.write_bytes_per_s; }},
    {"device_cache_hit_ratio", "device_cache_hit_rate", "Reads that the device served from its own cache.", "ratio", 1, [](const PmuMetrics& m) { return mean(m.device_cache_hits); }},
    {"snoop_hit_ratio", "snoop_hit_rate", "Snoops that found the line in the device's cache.", "ratio", 1, [](const PmuMetrics& m) { return mean(m.snoop_hits); }},
    {"read_latency_seconds", "read_latency_ns", "Time of a read in the device's queue, by Little's law.", "seconds", 1e-9, [](const PmuMetrics& m) { return mean(m.read_latency_ns); }},
    {"write_latency_seconds", "write_latency_ns", "Time of a write in the device's queue, by Little's law.", "seconds", 1e-9, [](const PmuMetrics& m) { return mean(m.write_latency_ns); }},
    {"utilisation_ratio", "utilisation", "Bandwidth used of what firmware says there is, in the busier direction.", "ratio", 1, [](const PmuMetrics& m) { return m.utilisation(); }},
    {"counted_ratio", "counted_share", "Share of the time during which the counters were free for this.", "ratio", 1, [](const PmuMetrics& m) { return m.share; }},
};

void put(json& object, const PmuMetrics& metrics) {
  for (const auto& figure : kFigures) {
    const auto value = figure.value(metrics);
    object[figure.field] = value ? json(*value) : json(nullptr);
  }
}

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

}  // namespace

json to_json(const memory::PmuReport& report) {
  json sources = json::array(), nodes = json::array();
  for (const auto& source : report.sources) {
    json object = {{"name", source.name},
                   {"kind", source.kind},
                   {"device", or_null(source.device)},
                   {"node", or_null(source.node)},
                   {"problem", source.problem.empty() ? json(nullptr) : json(source.problem)},
                   {"simulated", report.simulated}};
    put(object, source.metrics);
    sources.push_back(std::move(object));
  }
  for (const auto& node : report.nodes) {
    json object = {{"node", node.node}, {"simulated", report.simulated}};
    put(object, node.metrics);
    nodes.push_back(std::move(object));
  }
  return {{"simulated", report.simulated},
          {"counting", report.counting},
          {"samples", report.samples},
          {"reads", report.reads},
          {"sample_cost_ns", report.samples ? json(report.sample_cost_ns / report.samples) : json(nullptr)},
          {"interval_ns", report.counting ? json(report.interval_ns) : json(nullptr)},
          {"held_back", report.held_back},
          {"at_ns", or_null(report.at_ns)},
          {"sources", std::move(sources)},
          {"nodes", std::move(nodes)},
          {"notes", report.notes}};
}

void add_metrics(Metrics& out, const memory::PmuReport& report) {
  const auto labels = [&](Labels own) {
    if (report.simulated) own.emplace_back("simulated", "true");
    return own;
  };
  for (const auto& figure : kFigures) {
    const auto scaled = [&](const PmuMetrics& metrics) {
      const auto value = figure.value(metrics);
      return value ? std::optional(*value * figure.to_unit) : std::nullopt;
    };
    if (!report.sources.empty()) {
      auto gauge = out.gauge(std::string("memory_source_") + figure.name, figure.help, figure.unit);
      for (const auto& source : report.sources) {
        Labels own = {{"source", source.name}};
        if (source.node) own.emplace_back("node", std::to_string(*source.node));
        gauge.add(scaled(source.metrics), labels(std::move(own)));
      }
    }
    if (!report.nodes.empty()) {
      auto gauge = out.gauge(std::string("memory_node_") + figure.name, figure.help, figure.unit);
      for (const auto& node : report.nodes) gauge.add(scaled(node.metrics), labels({{"node", std::to_string(node.node)}}));
    }
  }
  out.counter("memory_samples", "Times the memory counters were read because memory-bound tasks had run.").add(static_cast<double>(report.samples), labels({}));
  out.counter("memory_counter_reads", "System calls for it.").add(static_cast<double>(report.reads), labels({}));
  out.counter("memory_sample_seconds", "CPU time it took.", "seconds").add(static_cast<double>(report.sample_cost_ns) / 1e9, labels({}));
}

}  // namespace vigil::wire
