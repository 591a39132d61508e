// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/locality.hpp"

#include <algorithm>
#include <numeric>

namespace vigil::memory {

std::optional<double> locality_score(const Domains& domains, const LocalityFacts& facts, double ruinous_moves) {
  const auto sum = [](std::span<const std::uint64_t> values) { return std::accumulate(values.begin(), values.end(), std::uint64_t{0}); };
  const auto pages = sum(facts.hot_pages), ran = sum(facts.ran_ns);
  if (pages < kFewPages || ran == 0) return std::nullopt;
  double near = 0;
  for (NodeId home = 0; home < facts.ran_ns.size(); ++home) {
    if (facts.ran_ns[home] == 0) continue;
    double pages_near = 0;
    for (NodeId node = 0; node < facts.hot_pages.size(); ++node)
      if (facts.hot_pages[node] > 0) pages_near += static_cast<double>(facts.hot_pages[node]) * domains.nearness(home, node);
    near += static_cast<double>(facts.ran_ns[home]) / static_cast<double>(ran) * pages_near / static_cast<double>(pages);
  }
  double calm = 1;
  if (facts.moves_per_second && ruinous_moves > 0) calm = 1 - std::min(1.0, *facts.moves_per_second / ruinous_moves);
  return std::clamp(100 * near * calm, 0.0, 100.0);
}

}  // namespace vigil::memory
