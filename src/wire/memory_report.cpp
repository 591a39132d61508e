// SPDX-License-Identifier: GPL-2.0-only
#include "wire/memory_report.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

namespace vigil::wire {

namespace {

using nlohmann::json;

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json text_or_null(std::string_view text) { return text.empty() ? json(nullptr) : json(text); }

// {"0": 120, "2": 40}; null when nothing is known.
template <typename T>
json by_node(const std::vector<T>& values) {
  json out = json::object();
  for (std::size_t node = 0; node < values.size(); ++node)
    if (values[node] > 0) out[std::to_string(node)] = values[node];
  return out.empty() ? json(nullptr) : out;
}

}  // namespace

json to_json(const MemoryReport& report) {
  return {{"locality_score", or_null(report.locality)},
          {"working_set_bytes", or_null(report.working_set_bytes)},
          {"hot_bytes", or_null(report.hot_bytes)},
          {"warm_bytes", or_null(report.warm_bytes)},
          {"cold_bytes", or_null(report.cold_bytes)},
          {"access_hz", or_null(report.access_hz)},
          {"moves_per_second", or_null(report.moves_per_second)},
          {"hot_pages_by_node", by_node(report.hot_pages)},
          {"ran_by_node", by_node(report.ran_share)},
          {"measured_ns", or_null(report.measured_ns)},
          {"near_node", or_null(report.near_node)},
          {"near_cpus", or_null(report.near_cpus)},
          {"near_why", text_or_null(report.near_why)},
          {"lead_us", report.lead_us ? json(report.lead_us) : json(nullptr)},
          {"watched", report.watched},
          {"why_not_watched", text_or_null(report.why_not_watched)},
          {"watch_cost", or_null(report.cost_share)},
          {"samples_per_second", or_null(report.samples_per_second)},
          {"sample_us", or_null(report.sample_us)}};
}

json to_json(const MemoryStatus& status) {
  return {{"processes", status.processes},
          {"watched", status.watched},
          {"damon", status.damon},
          {"why", text_or_null(status.why)},
          {"pressure", or_null(status.pressure)},
          {"kworker_lead_us", or_null(status.kworker_lead_us)}};
}

}  // namespace vigil::wire
