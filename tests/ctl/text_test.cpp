// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/text.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <nlohmann/json.hpp>

#include "ctl/report_text.hpp"

using namespace vigil::ctl;
using nlohmann::json;

namespace {
constexpr std::uint64_t kSecond = 1'000'000'000;
}

TEST_CASE("text: durations have the precision a person cares for") {
  CHECK(duration(0) == "0 s");
  CHECK(duration(850) == "850 ns");
  CHECK(duration(2100) == "2.1 µs");
  CHECK(duration(210'000) == "210 µs");
  CHECK(duration(12'000'000) == "12 ms");
  CHECK(duration(3'400'000'000) == "3.4 s");
  CHECK(duration(125 * kSecond) == "2 min 5 s");
  CHECK(duration(8040 * kSecond) == "2 h 14 min");
  CHECK(duration(7200 * kSecond) == "2 h");
  CHECK(duration(76 * 3600 * kSecond) == "3 d 4 h");
}

TEST_CASE("text: counts are grouped") {
  CHECK(count(0) == "0");
  CHECK(count(999) == "999");
  CHECK(count(1000) == "1,000");
  CHECK(count(1234567) == "1,234,567");
}

TEST_CASE("text: columns count characters, not bytes, and are cut with an ellipsis") {
  CHECK(width("2.1 µs") == 6);
  CHECK(fit("µs", 4) == "µs  ");
  CHECK(fit("abcdef", 4) == "abc…");
  CHECK(fit("µµµµµ", 3) == "µµ…");
  Table table({Table::Align::left, Table::Align::right});
  table.row({"a", "1"});
  table.row({"µµµ", "100"});
  CHECK(table.format() == "a      1\nµµµ  100\n");
}

TEST_CASE("text: colour only on a terminal, and never with NO_COLOR") {
  CHECK_FALSE(wants_colour(-1));
  setenv("NO_COLOR", "1", 1);
  CHECK_FALSE(wants_colour(1));
  unsetenv("NO_COLOR");
  CHECK(Paint(false).bad("x") == "x");
  CHECK(Paint(true).bad("x") == "\x1b[31mx\x1b[0m");
}

TEST_CASE("text: answers of another shape than expected show nothing rather than fail") {
  const Paint plain(false);
  for (const json& odd :
       {json(), json::array(), json("x"), json::object(),
        json::parse(R"({"classes":3,"events":[1],"rules":"x"})"),
        json::parse(
            R"({"ejections":[1,null],"degraded":[1],"profile":"x","evidence":[1],"classes":{"a":1}})")}) {
    CHECK_FALSE(status_text(odd, plain).empty());
    CHECK_FALSE(explain_text(odd, plain).empty());
    CHECK_FALSE(event_text(odd, plain).empty());
  }
}

TEST_CASE("text: a person's verdict is said once, with the way to take it back") {
  const json explained = {{"pid", 7u},
                          {"comm", "sh"},
                          {"class", "latency"},
                          {"source", "user"},
                          {"rule", "user"},
                          {"level", "user"},
                          {"evidence", {"a person said so"}}};
  const auto words = explain_text(explained, Paint(false));
  CHECK(words.find("a person said so") == words.rfind("a person said so"));
  CHECK(words.find("`vigilctl class 7 auto`") != std::string::npos);
}

TEST_CASE("text: classes nothing is in are left out") {
  const json status = {
      {"classes",
       {{"vm", {{"processes", 0u}, {"tasks", 0u}}}, {"batch", {{"processes", 2u}, {"tasks", nullptr}}}}}};
  const auto words = classes_text(status, Paint(false));
  CHECK(words.find("vm") == std::string::npos);
  CHECK(words.find("batch          2      ?") != std::string::npos);
}

TEST_CASE("text: every kind of event has its words") {
  const auto has = [](const json& event, const char* part) {
    const auto words = event_text(event, Paint(false));
    CHECK_MESSAGE(words.find(part) != std::string::npos, words);
  };
  has({{"event", "exec"}, {"pid", 3u}, {"comm", "sh"}, {"exe", "dash"}, {"class", "gaming"}},
      "sh (3)  dash  gaming");
  has({{"event", "fork"}, {"pid", 3u}, {"comm", "sh"}, {"ppid", 2u}}, "sh (3)  child of 2");
  has({{"event", "cgroup_mkdir"}, {"path", "/a"}, {"class", "container"}}, "/a  container");
  has({{"event", "device"}, {"subsystem", "drm"}, {"action", "add"}, {"name", "card0"}}, "drm card0: add");
  has({{"event", "scheduler"}, {"state", "ejected"}, {"reason", "stall"}}, "ejected: stall");
  has({{"event", "lost"}, {"count", 3u}, {"resynced", true}}, "3 events lost, all processes were read anew");
  has({{"event", "lost"}, {"count", 1u}, {"where", "client"}}, "1 line could not be shown");
  has({{"event", "later"}, {"t_ns", 1u}, {"shade", "blue"}}, "{\"shade\":\"blue\"}");
}
