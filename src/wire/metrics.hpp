// SPDX-License-Identifier: GPL-2.0-only
//
// Counters, gauges and histograms with a name, a help sentence and labels: what the `stats` call answers. One
// list feeds the JSON, the text for people, OpenMetrics and the scx_stats protocol.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace vigil::wire {

enum class MetricType { counter, gauge, histogram };

using Labels = std::vector<std::pair<std::string, std::string>>;

struct Sample {
  Labels labels;
  // Of counters and gauges. nullopt: unknown, which is shown as such and never as a number.
  std::optional<double> value;
  // Of histograms: how many fell into each bucket, one more than the metric's bounds (the last is above them
  // all).
  std::vector<std::uint64_t> counts;
  std::optional<double> sum;
};

struct Metric {
  std::string name;  // snake_case, without the "vigil_" in front; the unit as last word where there is one
  MetricType type = MetricType::counter;
  std::string help;            // a sentence
  std::string unit;            // "seconds", "bytes", or empty
  std::vector<double> bounds;  // of histograms: upper bounds, ascending, in the unit
  std::vector<Sample> samples;
};

// A list that is pleasant to fill:
//   metrics.counter("events_seen", "Events that passed the kernel half.").add(12, {{"event", "exec"}});
class Metrics {
 public:
  class Adder {
   public:
    explicit Adder(Metric& metric) : metric_(&metric) {}
    Adder& add(std::optional<double> value, Labels labels = {});
    Adder& add_histogram(std::vector<std::uint64_t> counts, std::optional<double> sum, Labels labels = {});

   private:
    Metric* metric_;
  };

  // The adder is good until the next metric is made.
  Adder counter(std::string_view name, std::string_view help, std::string_view unit = "");
  Adder gauge(std::string_view name, std::string_view help, std::string_view unit = "");
  Adder histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                  std::string_view unit = "seconds");

  const std::vector<Metric>& list() const { return list_; }
  std::vector<Metric>& list() { return list_; }

 private:
  std::vector<Metric> list_;
};

// {"metrics":[{"name","type","help","unit","bounds","samples":[{"labels","value"} or
// {"labels","counts","sum"}]}]}
nlohmann::json to_json(const Metrics& metrics);
Result<Metrics> metrics_from_json(const nlohmann::json& body);

// The OpenMetrics text format, with "vigil_" before each name and "# EOF" at the end. Unknown values are left
// out.
std::string format_openmetrics(const Metrics& metrics);

}  // namespace vigil::wire
