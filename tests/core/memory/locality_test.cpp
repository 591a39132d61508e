// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/locality.hpp"

#include <doctest/doctest.h>

#include "core/memory/machines.hpp"

using namespace vigil;
using namespace vigil::memory;

namespace {

std::optional<double> score(std::vector<std::uint64_t> pages, std::vector<std::uint64_t> ran, std::optional<double> moves = {}) {
  static const Domains domains(test::with_cxl());
  return locality_score(domains, {pages, ran, moves}, 50);
}

}  // namespace

TEST_CASE("locality: all near is 100, all far is 0, and the rest lies between") {
  CHECK(score({256}, {1000}) == 100);
  CHECK(score({256}, {0, 1000}) == 0);
  CHECK(score({128, 128}, {1000}) == 50);
  CHECK(score({256}, {500, 500}) == 50);
  CHECK(score({128, 128}, {500, 500}) == 50);
  CHECK(score({192, 64}, {750, 250}) == doctest::Approx(62.5));
}

TEST_CASE("locality: CXL memory is near to the CPUs next to it") {
  CHECK(score({0, 0, 256}, {0, 1000}) == 100);
  CHECK(score({0, 0, 256}, {1000}) == 0);
}

TEST_CASE("locality: moving between nodes makes nearness worth less") {
  CHECK(score({256}, {1000}, 0) == 100);
  CHECK(score({256}, {1000}, 25) == 50);
  CHECK(score({256}, {1000}, 50) == 0);
  CHECK(score({256}, {1000}, 5000) == 0);
}

TEST_CASE("locality: unknown is unknown") {
  CHECK_FALSE(score({}, {1000}));
  CHECK_FALSE(score({7}, {1000}));  // a handful of pages is no sample
  CHECK_FALSE(score({256}, {}));
  CHECK_FALSE(score({256}, {0, 0}));
  CHECK_FALSE(score({}, {}, 3));
}
