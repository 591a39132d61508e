// SPDX-License-Identifier: GPL-2.0-only
#include "core/power/power.hpp"

#include <doctest/doctest.h>

using namespace vigil::power;
using vigil::topology::PowerSource;

TEST_CASE("power: the battery saves power unless somebody chose a profile") {
  CHECK(choose({PowerSource::battery, {}, {}}) == Choice{true, "the machine runs on battery"});
  CHECK(choose({PowerSource::battery, "balanced", "balanced"}).save);
  CHECK_FALSE(choose({PowerSource::battery, "balanced", "performance"}).save);
  CHECK_FALSE(choose({PowerSource::ac, "balanced", {}}).save);
  CHECK_FALSE(choose({PowerSource::unknown, {}, {}}).save);
}

TEST_CASE("power: a profile that saves does so on mains, and a person's counts more than firmware's") {
  CHECK(choose({PowerSource::ac, "low-power", {}}) == Choice{true, "the platform profile is low-power"});
  CHECK(choose({PowerSource::ac, "performance", "power-saver"}) == Choice{true, "the power profile is power-saver"});
  CHECK_FALSE(choose({PowerSource::battery, "low-power", "performance"}).save);
}

TEST_CASE("power: a profile nobody knows says nothing") {
  CHECK(choose({PowerSource::battery, "custom", "turbo"}).save);
  CHECK_FALSE(choose({PowerSource::ac, "custom", "turbo"}).save);
}

TEST_CASE("power: games and fast modes want the large cache, everything else what was found") {
  CHECK(wanted_x3d_mode({.games = true}) == "cache");
  CHECK(wanted_x3d_mode({.fast = true}) == "cache");
  CHECK(wanted_x3d_mode({.games = true, .save = true}) == "cache");
  CHECK_FALSE(wanted_x3d_mode({.save = true}));
  CHECK_FALSE(wanted_x3d_mode({}));
}

TEST_CASE("power: a preference is only one that the driver offers") {
  constexpr auto kAll = "default performance balance_performance balance_power power \n";
  CHECK(wanted_epp({.fast = true}, kAll) == "performance");
  CHECK(wanted_epp({.games = true, .save = true}, kAll) == "power");
  CHECK(wanted_epp({.save = true}, "default balance_power") == "balance_power");
  CHECK_FALSE(wanted_epp({.save = true}, "default"));
  CHECK_FALSE(wanted_epp({}, kAll));
  CHECK_FALSE(wanted_epp({.fast = true}, ""));
}
