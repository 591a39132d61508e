// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/settings.hpp"

#include <doctest/doctest.h>

using namespace vigil;
using namespace vigil::config;

TEST_CASE("settings: an empty file changes nothing") {
  const auto settings = parse_settings({"vigil.toml", "", 0});
  REQUIRE(settings);
  CHECK_FALSE(settings->mode);
  CHECK(settings->rules.empty());
  CHECK_FALSE(settings->classes[1].share);
}

TEST_CASE("settings: what can be set") {
  const auto settings = parse_settings({"vigil.toml", R"(
    mode = "observe"
    log_level = "debug"
    events = "proc-connector"
    rules = ["/usr/share/vigil/rules.d", "/etc/vigil/rules.d"]
    socket_group = "vigil"
    ring_kib = 1024
    [scheduler]
    lease_us = 10000
    steer = false
    return_after_s = 20
    [class.gaming]
    share = 3
    urgency = 2
  )", 0});
  REQUIRE(settings);
  CHECK(settings->mode == "observe");
  CHECK(settings->events == "proc-connector");
  CHECK(settings->rules.size() == 2);
  CHECK(settings->ring_kib == 1024U);
  CHECK(settings->scheduler.lease_us == 10000U);
  CHECK(settings->scheduler.steer == false);
  CHECK(settings->scheduler.return_after_s == 20u);
  CHECK(settings->classes[static_cast<std::size_t>(WorkloadClass::gaming)].share == 3.0);
}

TEST_CASE("settings: all mistakes at once, each with its place") {
  const auto settings = parse_settings({"vigil.toml",
                                        "mode = \"observ\"\nsockt = \"/x\"\nring_kib = 100\nrules = \"here\"\n"
                                        "[class.gamng]\nshare = 2\n[class.ai]\nshare = 0\nslice = 3\n",
                                        0});
  REQUIRE_FALSE(settings);
  CHECK(to_string(settings.error()) ==
        "vigil.toml:1:8: 'mode' cannot be 'observ' (auto, schedule, observe); did you mean 'observe'?\n"
        "vigil.toml:2:1: unknown key 'sockt'; did you mean 'socket'?\n"
        "vigil.toml:3:12: 'ring_kib' must be a power of two\n"
        "vigil.toml:4:9: 'rules' names folders by their whole path\n"
        "vigil.toml:5:8: unknown class 'gamng'; did you mean 'gaming'?\n"
        "vigil.toml:8:9: 'share' must be a number from 0.05 to 20\n"
        "vigil.toml:9:1: unknown key 'slice' of a class");
}
