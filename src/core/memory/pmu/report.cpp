// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/report.hpp"

namespace vigil::memory {

NodeMetrics node_metrics(const PmuReport::Node& node, bool simulated, std::uint64_t at_ns) {
  constexpr double kMiB = 1048576.0;
  const auto in_mib = [](std::optional<double> bytes) { return bytes ? std::optional(*bytes / kMiB) : std::nullopt; };
  const auto value = [](const std::optional<Mean>& mean) { return mean ? mean->value() : std::nullopt; };
  const auto& from = node.metrics;
  NodeMetrics out;
  out.node = node.node;
  out.read_mib_s = in_mib(from.read_bytes_per_s);
  out.write_mib_s = in_mib(from.write_bytes_per_s);
  out.hit_rate = value(from.device_cache_hits);
  if (!out.hit_rate) out.hit_rate = value(from.snoop_hits);
  out.latency_ns = value(from.read_latency_ns);
  out.utilisation = from.utilisation();
  out.simulated = simulated;
  out.at_ns = at_ns;
  return out;
}

}  // namespace vigil::memory
