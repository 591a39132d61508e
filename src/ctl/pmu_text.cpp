// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/pmu_text.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace vigil::ctl {

namespace {

using nlohmann::json;

constexpr const char* kUnknown = "?";

std::string with_unit(const json& value, double divisor, const char* format) {
  if (!value.is_number()) return kUnknown;
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value.get<double>() / divisor);
  return buffer.data();
}

std::vector<std::string> cells(const std::string& name, const json& what) {
  const auto hits = [&] {
    const auto& own = at(what, "device_cache_hit_rate");
    return own.is_number() ? own : at(what, "snoop_hit_rate");
  }();
  return {name,
          unknown_at(what, "node") ? kUnknown : std::to_string(number_at(what, "node")),
          with_unit(at(what, "read_bytes_per_s"), 1048576, "%.0f MiB/s"),
          with_unit(at(what, "write_bytes_per_s"), 1048576, "%.0f MiB/s"),
          with_unit(hits, 0.01, "%.0f %%"),
          with_unit(at(what, "read_latency_ns"), 1, "%.0f ns"),
          with_unit(at(what, "utilisation"), 0.01, "%.0f %%")};
}

}  // namespace

std::string memory_counters_text(const json& status, const Paint& paint) {
  const auto& counters = at(status, "memory_counters");
  const auto& sources = at(counters, "sources");
  if (!sources.is_array() || sources.empty()) return {};
  const bool simulated = at(counters, "simulated") == true;
  std::string out = "memory counters";
  if (simulated) out += paint.bad("  [simulated]");
  out += at(counters, "counting") == true ? "" : paint.dim("  not read: no memory-bound process runs");
  using Align = Table::Align;
  Table table({Align::left, Align::right, Align::right, Align::right, Align::right, Align::right, Align::right});
  table.row({"", "node", "read", "written", "hits", "latency", "used"});
  for (const auto& source : sources) table.row(cells(clean(text_at(source, "name")), source));
  if (const auto& nodes = at(counters, "nodes"); nodes.is_array())
    for (const auto& node : nodes) table.row(cells("all of node " + std::to_string(number_at(node, "node")), node));
  return out + '\n' + table.format("  ", [&](std::size_t row, std::size_t, const std::string& cell) {
    return row == 0 ? paint.dim(cell) : simulated ? paint.bad(cell) : cell;
  });
}

}  // namespace vigil::ctl
