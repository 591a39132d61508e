// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/capability_filter.hpp"

namespace vigil::topology {

bool CapabilityFilter::matters(std::uint32_t cpu, std::uint32_t performance) {
  constexpr std::uint32_t kTwentieth = 1024 / 20;
  const auto [it, is_new] = told_.try_emplace(cpu, performance);
  if (is_new) return false;  // the first word on a CPU is no change; the look at the start has seen it
  const auto before = it->second;
  const auto change = performance > before ? performance - before : before - performance;
  if (change < kTwentieth && (performance == 0) == (before == 0)) return false;
  it->second = performance;
  return true;
}

}  // namespace vigil::topology
