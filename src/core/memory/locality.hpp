// SPDX-License-Identifier: GPL-2.0-only
//
// How near a process runs to the memory it uses: 100 when all of it is near, 0 when none is, or when the process moves
// between nodes so often that nearness means nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/memory/domains.hpp"

namespace vigil::memory {

// Both by the kernel's node number; a shorter list is zero beyond its end.
struct LocalityFacts {
  std::span<const std::uint64_t> hot_pages;  // sampled pages of hot memory found on each node
  std::span<const std::uint64_t> ran_ns;     // where the process ran
  std::optional<double> moves_per_second{};  // of its tasks, to another node
};

// Fewer sampled pages than this say nothing.
inline constexpr std::uint64_t kFewPages = 8;

// Absent when either side is unknown: no pages were found, or nothing ran. Unknown moves lower nothing.
std::optional<double> locality_score(const Domains& domains, const LocalityFacts& facts, double ruinous_moves);

}  // namespace vigil::memory
