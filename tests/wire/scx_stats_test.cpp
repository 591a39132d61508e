// SPDX-License-Identifier: GPL-2.0-only
#include "wire/scx_stats.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace vigil::wire;
using nlohmann::json;

namespace {

Metrics example() {
  Metrics metrics;
  metrics.counter("ejections", "Times thrown out.").add(2);
  metrics.counter("events_seen", "Events that passed.")
      .add(12, {{"event", "exec"}})
      .add(3, {{"event", "fork"}});
  metrics.counter("events_lost", "Events lost.").add(0, {{"event", "exec"}});
  metrics.gauge("locality", "Share of near accesses.").add(std::nullopt);
  metrics.histogram("wakeup_seconds", "Waits.", {0.001, 0.01})
      .add_histogram({98, 1, 1}, 0.5, {{"class", "gaming"}});
  return metrics;
}

json asked(std::string_view request) {
  const auto line = answer_scx_stats(request, example());
  CHECK(line.back() == '\n');
  return json::parse(line);
}

}  // namespace

TEST_CASE("scx_stats: the figures, gathered by label, with the unknown left out") {
  const auto answer = asked(R"({"req":"stats","args":{"target":"top"}})");
  CHECK(answer["errno"] == 0);
  CHECK(answer["args"]["resp"] == json::parse(R"({
    "ejections": 2,
    "event": {"exec": {"events_seen": 12, "events_lost": 0}, "fork": {"events_seen": 3}},
    "class": {"gaming": {"wakeup_seconds_count": 100, "wakeup_seconds_p50": 0.001, "wakeup_seconds_p99": 0.01}}})"));
  CHECK(asked(R"({"req":"stats"})") == answer);
}

TEST_CASE("scx_stats: every figure is described, and every struct that is named exists") {
  const auto meta = asked(R"({"req":"stats_meta"})")["args"]["resp"];
  const auto values = asked(R"({"req":"stats"})")["args"]["resp"];
  REQUIRE(meta.contains("Vigil"));
  CHECK(meta["Vigil"]["top"] == "true");
  for (const auto& [field, value] : values.items()) {
    REQUIRE(meta["Vigil"]["fields"].contains(field));
    const auto& described = meta["Vigil"]["fields"][field];
    if (!value.is_object()) {
      CHECK(described["datum"] == "u64");
      continue;
    }
    CHECK(described["dict"]["key"] == "string");
    const auto inner = described["dict"]["datum"]["struct"].get<std::string>();
    REQUIRE(meta.contains(inner));
    CHECK(meta[inner]["name"] == inner);
    for (const auto& [key, figures] : value.items())
      for (const auto& [name, figure] : figures.items()) {
        const auto datum = meta[inner]["fields"][name]["datum"];
        CHECK(datum == (figure.is_number_unsigned() ? "u64" : "float"));
      }
  }
  CHECK_FALSE(meta["Vigil"]["fields"].contains("locality"));
}

TEST_CASE("scx_stats: what is not understood is answered with an errno and a sentence") {
  for (const auto* request : {"", "stats", "[]", "{}", R"({"req":"reboot"})",
                              R"({"req":"stats","args":{"target":"x"}})", R"({"req":3})"}) {
    const auto answer = asked(request);
    CHECK(answer["errno"] == 22);
    CHECK(answer["args"]["resp"].is_string());
  }
}
