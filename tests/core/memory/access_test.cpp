// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/access.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace vigil::memory;

namespace {
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMib = 1 << 20;
}  // namespace

TEST_CASE("sample: pages lie in the ranges, are distinct, and follow the ranges' sizes") {
  const std::vector<AddressRange> ranges{{16 * kMib, 28 * kMib}, {0x7f0000000000, 0x7f0000000000 + 4 * kMib}};
  for (const std::uint64_t round : {0, 1, 2, 77}) {
    const auto pages = sample_pages(ranges, 256, round);
    REQUIRE(pages.size() == 256);
    CHECK(std::set(pages.begin(), pages.end()).size() == 256);
    const auto in_first = std::count_if(pages.begin(), pages.end(), [](auto at) { return at < 28 * kMib; });
    CHECK(in_first == 192);  // 12 of 16 MiB
    for (const auto at : pages) {
      CHECK(at % kPage == 0);
      CHECK(((at >= ranges[0].start && at < ranges[0].end) || (at >= ranges[1].start && at < ranges[1].end)));
    }
  }
  CHECK(sample_pages(ranges, 256, 0) != sample_pages(ranges, 256, 1));
}

TEST_CASE("sample: fewer pages than asked for are all taken; nothing gives nothing") {
  const std::vector<AddressRange> three{{kPage, 2 * kPage}, {8 * kPage, 10 * kPage}};
  CHECK(sample_pages(three, 256, 5) == std::vector<std::uint64_t>{kPage, 8 * kPage, 9 * kPage});
  CHECK(sample_pages({}, 256, 0).empty());
  CHECK(sample_pages(three, 0, 0).empty());
  const std::vector<AddressRange> odd{{kPage, kPage}, {10 * kPage, 5 * kPage}, {20 * kPage, 20 * kPage + 100}};
  CHECK(sample_pages(odd, 256, 0).empty());
}

TEST_CASE("back-off: what costs too much looks less often, and comes back when it is cheap") {
  Settings settings;
  Backoff backoff;
  CHECK(backoff.intervals(settings) == Intervals{50'000, 1'000'000, 5'000'000});
  CHECK_FALSE(backoff.take(0.009, settings));
  CHECK(backoff.take(0.011, settings));
  CHECK(backoff.intervals(settings) == Intervals{100'000, 2'000'000, 10'000'000});
  CHECK(backoff.intervals(settings).samples() == 20);  // as fine as before, over a longer time
  CHECK_FALSE(backoff.take(0.005, settings));          // cheaper, but not by enough to go back
  CHECK(backoff.take(0.0019, settings));
  CHECK(backoff.factor() == 1);
  CHECK_FALSE(backoff.take(0, settings));
  for (int i = 0; i < 10; ++i) backoff.take(0.5, settings);
  CHECK(backoff.factor() == 8);
}
