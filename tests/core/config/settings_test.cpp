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
    [power]
    follow = false
    epp = true
    [x3d]
    steering = true
    [class.gaming]
    share = 3
    urgency = 2
  )", 0});
  REQUIRE(settings);
  CHECK(settings->mode == "observe");
  CHECK(settings->events == "proc-connector");
  CHECK(settings->rules.size() == 2);
  CHECK(settings->ring_kib == 1024U);
  CHECK(settings->power.follow == false);
  CHECK(settings->power.epp == true);
  CHECK(settings->power.steer_x3d == true);
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
        "vigil.toml:5:8: unknown class 'gamng' (regular, gaming, interactive, batch, ai, vm, container, latency, vectordb, kworker); did you mean 'gaming'?\n"
        "vigil.toml:8:9: 'share' must be a number from 0.05 to 20\n"
        "vigil.toml:9:1: unknown key 'slice' of a class");
}

TEST_CASE("settings: memory's thresholds, and its defaults are the first design's") {
  const auto settings = parse_settings({"vigil.toml", R"(
    [memory]
    damon_stat = "yield"
    locality_boost = 70
    hit_rate_high = 0.8
    pressure_lead = -20
  )", 0});
  REQUIRE(settings);
  CHECK(settings->memory.damon_stat == memory::DamonStat::yield);
  CHECK(settings->memory.locality_boost == 70);
  CHECK(settings->memory.hit_rate_high == 0.8);
  CHECK(settings->memory.pressure_lead == -20);
  CHECK(settings->memory.latency_low_ns == 120);
  CHECK(settings->memory.damon);

  const auto wrong = parse_settings({"vigil.toml", "[memory]\ndamon_stat = \"off\"\ncost_max = 2\nwatched_max = 9\nlocality_bost = 3\n", 0});
  REQUIRE_FALSE(wrong);
  CHECK(to_string(wrong.error()) ==
        "vigil.toml:2:14: 'damon_stat' cannot be 'off' (keep, yield)\n"
        "vigil.toml:3:12: 'cost_max' must be a number from 0.0001 to 1\n"
        "vigil.toml:4:15: 'watched_max' must be a whole number from 1 to 8\n"
        "vigil.toml:5:1: unknown key 'locality_bost' in [memory]; did you mean 'locality_boost'?");
}
