// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/access.hpp"

#include <algorithm>

namespace vigil::memory {

std::vector<std::uint64_t> sample_pages(std::span<const AddressRange> ranges, std::size_t limit, std::uint64_t round,
                                        std::uint64_t page_bytes) {
  std::uint64_t pages = 0;
  for (const auto& range : ranges) pages += range.bytes() / page_bytes;
  std::vector<std::uint64_t> out;
  if (pages == 0 || limit == 0) return out;
  const auto count = std::min<std::uint64_t>(pages, limit);
  out.reserve(count);
  std::size_t in = 0;
  std::uint64_t before = 0;  // pages of the ranges before `in`
  for (std::uint64_t i = 0; i < count; ++i) {
    // The i-th of `count` equal parts of all pages, and some page of it. Addresses have 57 bits, so pages 45: no overflow.
    const auto first = pages * i / count, behind = pages * (i + 1) / count;
    const auto page = first + (round * 0x9e3779b97f4a7c15ULL >> 32) % (behind - first);
    while (page - before >= ranges[in].bytes() / page_bytes) before += ranges[in++].bytes() / page_bytes;
    out.push_back(ranges[in].start + (page - before) * page_bytes);
  }
  return out;
}

Intervals Backoff::intervals(const Settings& settings) const {
  Intervals out;
  out.sample_us = settings.sample_ms * 1000 * factor_;
  out.aggregation_us = settings.aggregation_ms * 1000 * factor_;
  out.update_us = out.aggregation_us * 5;
  return out;
}

bool Backoff::take(double cost, const Settings& settings) {
  if (cost > settings.cost_max && factor_ < kMost)
    factor_ *= 2;
  else if (cost < settings.cost_max / 5 && factor_ > 1)
    factor_ /= 2;
  else
    return false;
  return true;
}

}  // namespace vigil::memory
