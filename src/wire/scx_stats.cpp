// SPDX-License-Identifier: GPL-2.0-only
#include "wire/scx_stats.hpp"

#include <cerrno>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "wire/protocol.hpp"

namespace vigil::wire {

namespace {

using nlohmann::json;

constexpr const char* kTop = "Vigil";

// The figures as they go out, and beside them their description.
struct Figures {
  json values = json::object();
  json meta = json::object();
};

class Collector {
 public:
  void take(const Metric& metric) {
    for (const auto& sample : metric.samples) {
      if (metric.type != MetricType::histogram) {
        put(metric, sample, "", sample.value, metric.type == MetricType::counter ? "u64" : "float");
        continue;
      }
      std::uint64_t all = 0;
      for (const auto count : sample.counts) all += count;
      put(metric, sample, "_count", static_cast<double>(all), "u64");
      put(metric, sample, "_p50", quantile(metric, sample, all, 0.5), "float");
      put(metric, sample, "_p99", quantile(metric, sample, all, 0.99), "float");
    }
  }

  Figures finish() {
    json top_fields = std::move(top_.meta);
    json meta = json::object();
    for (auto& [label, group] : groups_) {
      const std::string name = std::string(kTop) + '.' + label;
      top_fields[label] = {{"dict", {{"key", "string"}, {"datum", {{"struct", name}}}}},
                           {"desc", "By " + label + "."},
                           {"user", {{"_om_prefix", label + "_"}, {"_om_label", label}}}};
      meta[name] = {{"name", name}, {"fields", std::move(group.meta)}};
      top_.values[label] = std::move(group.values);
    }
    meta[kTop] = {{"name", kTop},
                  {"top", "true"},
                  {"desc", "Knows what every process is for."},
                  {"user", {{"_om_prefix", "vigil_"}}},
                  {"fields", std::move(top_fields)}};
    return {std::move(top_.values), std::move(meta)};
  }

 private:
  static std::optional<double> quantile(const Metric& metric, const Sample& sample, std::uint64_t all,
                                        double share) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; all > 0 && i < metric.bounds.size() && i < sample.counts.size(); ++i) {
      below += sample.counts[i];
      if (static_cast<double>(below) >= share * static_cast<double>(all)) return metric.bounds[i];
    }
    return std::nullopt;
  }

  void put(const Metric& metric, const Sample& sample, const char* suffix, std::optional<double> value,
           const char* type) {
    if (!value || !std::isfinite(*value)) return;
    const std::string field = metric.name + suffix;
    std::string label, key;
    for (const auto& [name, text] : sample.labels) {
      label += (label.empty() ? "" : "_") + name;
      key += (key.empty() ? "" : "/") + text;
    }
    Figures& to = label.empty() ? top_ : groups_[label];
    json& values = label.empty() ? to.values : to.values[key];
    // A whole number is not written as a fraction: readers tell u64 and float apart.
    if (type == std::string_view("u64"))
      values[field] = static_cast<std::uint64_t>(std::max(0.0, *value));
    else
      values[field] = *value;
    to.meta[field] = {{"datum", type}, {"desc", metric.help}};
  }

  Figures top_;
  std::map<std::string, Figures> groups_;
};

std::string answer(int error, json response) {
  return format_line({{"errno", error}, {"args", {{"resp", std::move(response)}}}});
}

std::string text_field(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string answer_scx_stats(std::string_view request, const Metrics& metrics) {
  const json object = json::parse(request, nullptr, false);
  if (!object.is_object()) return answer(EINVAL, "the request is not a JSON object");
  const std::string what = text_field(object, "req");
  if (what != "stats" && what != "stats_meta")
    return answer(EINVAL, "unknown request; there are stats and stats_meta");
  if (const auto args = object.find("args"); what == "stats" && args != object.end() && args->is_object()) {
    const auto target = text_field(*args, "target");
    if (!target.empty() && target != "top") return answer(EINVAL, "unknown target; there is top");
  }
  Collector collector;
  for (const auto& metric : metrics.list()) collector.take(metric);
  Figures figures = collector.finish();
  return answer(0, what == "stats" ? std::move(figures.values) : std::move(figures.meta));
}

}  // namespace vigil::wire
