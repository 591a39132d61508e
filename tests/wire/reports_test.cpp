// SPDX-License-Identifier: GPL-2.0-only
#include "wire/reports.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace vigil;
using namespace vigil::wire;
using nlohmann::json;

TEST_CASE("reports: explain has every field of the contract, null where it is not known") {
  const json body = to_json(ExplainReport{.pid = 4242, .tgid = 4242, .comm = "game.exe"});
  for (const auto* field :
       {"pid", "tgid", "comm", "class", "kind", "source", "rule", "evidence", "event", "decided_after_ns",
        "inherited_from", "profile", "steam_appid", "cgroup", "tasks", "cpu_preference"})
    CHECK_MESSAGE(body.contains(field), field);
  CHECK(body["class"] == "regular");
  CHECK(body["rule"].is_null());
  CHECK(body["evidence"] == json::array());
}

TEST_CASE("reports: status counts losses together and keeps unknown task counts unknown") {
  StatusReport report;
  report.now_ns = 50;
  report.started_ns = 20;
  report.events = {{"exec", 10, 5, 2}, {"fork", 20, 0, 3}};
  report.classes = {{WorkloadClass::gaming, 2, 41}, {WorkloadClass::vm, 1, std::nullopt}};
  report.ejections = {{7, "vigil", "A task waited for 5 s.", ""}};
  const json body = to_json(report);
  CHECK(body["lost"] == 5);
  CHECK(body["uptime_ns"] == 30);
  CHECK(body["classes"]["gaming"]["tasks"] == 41);
  CHECK(body["classes"]["vm"]["tasks"].is_null());
  CHECK(body["ops"].is_null());
  CHECK(body["ejections"][0]["message"].is_null());
  CHECK(body["tuning"]["mode"] == "auto");
}

TEST_CASE("reports: a verdict line is the contract's") {
  const json line = to_json(VerdictLine{.t_ns = 1,
                                        .pid = 2,
                                        .tgid = 3,
                                        .comm = "game",
                                        .klass = WorkloadClass::gaming,
                                        .rule = "games:proton-env",
                                        .decided_after_ns = 0});
  CHECK(line["event"] == "verdict");
  CHECK(line["class"] == "gaming");
  CHECK(line["decided_after_ns"] == 0);
  CHECK(line["kind"].is_null());
}
