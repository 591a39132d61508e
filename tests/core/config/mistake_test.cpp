// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/mistake.hpp"

#include <doctest/doctest.h>

using namespace vigil::config;

TEST_CASE("mistakes in short: the first, and how many more") {
  CHECK(in_short("") == "");
  CHECK(in_short("a.toml:1:2: b\n") == "a.toml:1:2: b");
  CHECK(in_short("a.toml:1:2: b\nc\nd") == "a.toml:1:2: b (and 2 more)");
  const auto cut = in_short(std::string(399, 'x') + "äöü\nc");
  CHECK(cut == std::string(399, 'x') + "… (and 1 more)");
}
