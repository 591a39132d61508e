// SPDX-License-Identifier: GPL-2.0-only
//
// What can be reasoned from an access pattern: which addresses to ask about, and how often to look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/memory/settings.hpp"

namespace vigil::memory {

struct AddressRange {
  std::uint64_t start = 0, end = 0;
  std::uint64_t bytes() const { return end > start ? end - start : 0; }
  bool operator==(const AddressRange&) const = default;
};

// At most `limit` page addresses, spread evenly over the ranges by their size; `round` moves them along, so that later
// samples look at other pages.
std::vector<std::uint64_t> sample_pages(std::span<const AddressRange> ranges, std::size_t limit, std::uint64_t round,
                                        std::uint64_t page_bytes = 4096);

// How DAMON looks. Longer intervals cost less and see less.
struct Intervals {
  std::uint32_t sample_us = 0, aggregation_us = 0, update_us = 0;
  std::uint32_t samples() const { return sample_us ? aggregation_us / sample_us : 0; }  // in an aggregation
  bool operator==(const Intervals&) const = default;
};

// Doubles the intervals while watching a process costs more than Settings::cost_max of a core, up to 8 times; halves them
// again when it costs less than a fifth of that.
class Backoff {
 public:
  Intervals intervals(const Settings& settings) const;
  // `cost`: CPU time of the watching over wall time, in the last interval. True when the intervals have changed.
  bool take(double cost, const Settings& settings);
  unsigned factor() const { return factor_; }

 private:
  static constexpr unsigned kMost = 8;
  unsigned factor_ = 1;
};

}  // namespace vigil::memory
