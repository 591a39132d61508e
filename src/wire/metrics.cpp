// SPDX-License-Identifier: GPL-2.0-only
#include "wire/metrics.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace vigil::wire {

namespace {

using nlohmann::json;

std::string_view to_string(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "gauge";
}

json number_or_null(std::optional<double> value) {
  if (!value) return nullptr;
  // Counters are whole numbers: 12, not 12.0.
  if (*value == std::floor(*value) && std::abs(*value) < 9.0e15) return static_cast<std::int64_t>(*value);
  return *value;
}

std::optional<double> number_of(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<Sample> sample_from_json(const json& object, const Metric& metric) {
  Sample sample;
  if (!object.is_object()) return fail("a sample of '" + metric.name + "' is not an object");
  if (const auto labels = object.find("labels"); labels != object.end() && labels->is_object())
    for (const auto& [name, value] : labels->items())
      if (value.is_string()) sample.labels.emplace_back(name, value.get<std::string>());
  sample.value = number_of(object, "value");
  sample.sum = number_of(object, "sum");
  if (metric.type != MetricType::histogram) return sample;
  const auto counts = object.find("counts");
  if (counts == object.end() || !counts->is_array() || counts->size() != metric.bounds.size() + 1)
    return fail("the histogram '" + metric.name + "' has not one count more than bounds");
  for (const auto& count : *counts) {
    if (!count.is_number_unsigned()) return fail("a count of '" + metric.name + "' is not a whole number");
    sample.counts.push_back(count.get<std::uint64_t>());
  }
  return sample;
}

Result<Metric> metric_from_json(const json& object) {
  Metric metric;
  if (!object.is_object()) return fail("a metric is not an object");
  metric.name = text_of(object, "name");
  if (metric.name.empty()) return fail("a metric has no name");
  metric.help = text_of(object, "help");
  metric.unit = text_of(object, "unit");
  const auto type = text_of(object, "type");
  if (type == "counter")
    metric.type = MetricType::counter;
  else if (type == "histogram")
    metric.type = MetricType::histogram;
  else if (type == "gauge")
    metric.type = MetricType::gauge;
  else
    return fail("the metric '" + metric.name + "' is of an unknown type");
  if (const auto bounds = object.find("bounds"); bounds != object.end() && bounds->is_array())
    for (const auto& bound : *bounds)
      if (bound.is_number()) metric.bounds.push_back(bound.get<double>());
  if (const auto samples = object.find("samples"); samples != object.end() && samples->is_array()) {
    for (const auto& each : *samples) {
      auto sample = sample_from_json(each, metric);
      if (!sample) return fail(std::move(sample).error());
      metric.samples.push_back(std::move(*sample));
    }
  }
  return metric;
}

// Label values may hold anything; these three are all the format escapes.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '"')
      out += "\\\"";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
}

std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 9.0e15)
    return std::to_string(static_cast<std::int64_t>(value));
  char buffer[32];
  const int length = snprintf(buffer, sizeof buffer, "%.9g", value);
  return {buffer, static_cast<std::size_t>(length)};
}

// name_suffix{a="b",le="0.1"} value
void append_sample(std::string& out, const std::string& name, const Labels& labels, std::string_view bound,
                   double value) {
  out += name;
  if (!labels.empty() || !bound.empty()) {
    out += '{';
    bool first = true;
    for (const auto& [label, text] : labels) {
      if (!std::exchange(first, false)) out += ',';
      out += label;
      out += "=\"";
      append_escaped(out, text);
      out += '"';
    }
    if (!bound.empty()) {
      if (!first) out += ',';
      out += "le=\"";
      out += bound;
      out += '"';
    }
    out += '}';
  }
  out += ' ';
  out += number_text(value);
  out += '\n';
}

void append_histogram(std::string& out, const std::string& name, const Metric& metric, const Sample& sample) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < metric.bounds.size() && i < sample.counts.size(); ++i) {
    below += sample.counts[i];
    append_sample(out, name + "_bucket", sample.labels, number_text(metric.bounds[i]),
                  static_cast<double>(below));
  }
  if (sample.counts.size() > metric.bounds.size()) below += sample.counts.back();
  append_sample(out, name + "_bucket", sample.labels, "+Inf", static_cast<double>(below));
  // Count and sum come together or not at all.
  if (!sample.sum) return;
  append_sample(out, name + "_count", sample.labels, "", static_cast<double>(below));
  append_sample(out, name + "_sum", sample.labels, "", *sample.sum);
}

}  // namespace

Metrics::Adder& Metrics::Adder::add(std::optional<double> value, Labels labels) {
  metric_->samples.push_back({.labels = std::move(labels), .value = value, .counts = {}, .sum = {}});
  return *this;
}

Metrics::Adder& Metrics::Adder::add_histogram(std::vector<std::uint64_t> counts, std::optional<double> sum,
                                              Labels labels) {
  metric_->samples.push_back(
      {.labels = std::move(labels), .value = {}, .counts = std::move(counts), .sum = sum});
  return *this;
}

Metrics::Adder Metrics::counter(std::string_view name, std::string_view help, std::string_view unit) {
  list_.push_back({std::string(name), MetricType::counter, std::string(help), std::string(unit), {}, {}});
  return Adder(list_.back());
}

Metrics::Adder Metrics::gauge(std::string_view name, std::string_view help, std::string_view unit) {
  list_.push_back({std::string(name), MetricType::gauge, std::string(help), std::string(unit), {}, {}});
  return Adder(list_.back());
}

Metrics::Adder Metrics::histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                                  std::string_view unit) {
  list_.push_back({std::string(name),
                   MetricType::histogram,
                   std::string(help),
                   std::string(unit),
                   std::move(bounds),
                   {}});
  return Adder(list_.back());
}

json to_json(const Metrics& metrics) {
  json list = json::array();
  for (const auto& metric : metrics.list()) {
    json samples = json::array();
    for (const auto& sample : metric.samples) {
      json labels = json::object();
      for (const auto& [name, value] : sample.labels) labels[name] = value;
      json object = {{"labels", std::move(labels)}};
      if (metric.type == MetricType::histogram) {
        object["counts"] = sample.counts;
        object["sum"] = number_or_null(sample.sum);
      } else {
        object["value"] = number_or_null(sample.value);
      }
      samples.push_back(std::move(object));
    }
    json object = {{"name", metric.name},
                   {"type", to_string(metric.type)},
                   {"help", metric.help},
                   {"unit", metric.unit},
                   {"samples", std::move(samples)}};
    if (metric.type == MetricType::histogram) object["bounds"] = metric.bounds;
    list.push_back(std::move(object));
  }
  return {{"metrics", std::move(list)}};
}

Result<Metrics> metrics_from_json(const json& body) {
  if (!body.is_object() || !body.contains("metrics") || !body.at("metrics").is_array())
    return fail("there is no list of metrics");
  Metrics metrics;
  for (const auto& each : body.at("metrics")) {
    auto metric = metric_from_json(each);
    if (!metric) return fail(std::move(metric).error());
    metrics.list().push_back(std::move(*metric));
  }
  return metrics;
}

std::string format_openmetrics(const Metrics& metrics) {
  std::string out;
  for (const auto& metric : metrics.list()) {
    const std::string name = "vigil_" + metric.name;
    out += "# TYPE " + name + ' ' + std::string(to_string(metric.type)) + '\n';
    if (!metric.unit.empty()) out += "# UNIT " + name + ' ' + metric.unit + '\n';
    out += "# HELP " + name + ' ';
    append_escaped(out, metric.help);
    out += '\n';
    for (const auto& sample : metric.samples) {
      if (metric.type == MetricType::histogram)
        append_histogram(out, name, metric, sample);
      else if (sample.value)
        append_sample(out, metric.type == MetricType::counter ? name + "_total" : name, sample.labels, "",
                      *sample.value);
    }
  }
  out += "# EOF\n";
  return out;
}

}  // namespace vigil::wire
