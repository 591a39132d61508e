// SPDX-License-Identifier: GPL-2.0-only
#include "wire/records.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "abi.h"
#include "wire/recording.hpp"

using namespace vigil;

namespace {

template <typename T>
std::span<const std::byte> bytes(const T& value, std::size_t size = sizeof(T)) {
  return {reinterpret_cast<const std::byte*>(&value), size};
}

vigil_ev_task exec_record() {
  vigil_ev_task record{};
  record.hdr = {VIGIL_EV_EXEC, sizeof(record), 1, 5000};
  record.flags = VIGIL_EVF_LEADER | VIGIL_EVF_CHANGED;
  std::memcpy(record.comm, "sixteen bytes...", 16);  // no NUL
  std::strcpy(record.exe, "game");
  record.verdict.klass = VIGIL_CLASS_GAMING;
  record.verdict.kind = 1;
  record.verdict.level = VIGIL_LEVEL_IMAGE;
  record.verdict.decision[VIGIL_LEVEL_IMAGE] = {7, VIGIL_CLASS_GAMING, 1, VIGIL_F_INHERIT, VIGIL_SOURCE_KERNEL};
  record.verdict.key = {42, 0, 77};
  record.verdict.pid = 42;
  record.verdict.appid = 1091500;
  return record;
}

}  // namespace

TEST_CASE("records: an exec record becomes an event") {
  const auto record = exec_record();
  const auto event = wire::decode(bytes(record));
  REQUIRE(event);
  const auto& task = std::get<TaskEvent>(*event);
  CHECK(task.kind == Cause::exec);
  CHECK(task.comm == "sixteen bytes...");
  CHECK(task.exe == "game");
  CHECK(task.verdict.klass == WorkloadClass::gaming);
  REQUIRE(task.verdict.in_force());
  CHECK(task.verdict.in_force()->rule == 7);
  CHECK(task.verdict.key == ProcKey{42, 77});
}

TEST_CASE("records: short, lying and unknown records are errors") {
  auto record = exec_record();
  CHECK_FALSE(wire::decode({}));
  for (std::size_t size = 0; size < sizeof(record); ++size) CHECK_FALSE(wire::decode(bytes(record, size)));
  record.hdr.kind = 99;
  CHECK_FALSE(wire::decode(bytes(record)));
}

TEST_CASE("records: numbers that mean nothing decide nothing") {
  auto record = exec_record();
  record.verdict.klass = 6;
  record.verdict.level = 200;
  record.verdict.decision[0].source = 17;
  const auto event = wire::decode(bytes(record));
  REQUIRE(event);
  CHECK(std::get<TaskEvent>(*event).verdict.klass == WorkloadClass::regular);
  CHECK(std::get<TaskEvent>(*event).verdict.in_force() == nullptr);
}

TEST_CASE("recording: what is written is read back, and leads to the same actions") {
  const auto record = exec_record();
  ProcessFacts facts;
  facts.key = {42, 77};
  facts.exists = true;
  facts.exe = "/usr/bin/wine64-preloader";
  facts.argv = {"wine64-preloader", "C:\\Game.exe", "--password=hunter2"};
  facts.env = {"TOKEN=hunter2"};
  Refinement refined;
  refined.decision = Decision{.rule = 2, .klass = WorkloadClass::ai, .kind = 1, .flags = 0, .source = Source::daemon};
  refined.title = "Game.exe";
  refined.profile = 2;
  const auto text = wire::format_header({{"a", "b", "c", "d", "e", "f", "games:x"}, {"", "proton"}, {}, {"", "quiet"}}) +
                    wire::format_record(6000, bytes(record)) + wire::format_facts(6100, facts, refined) + wire::format_lost(6200, 3);
  CHECK(text.find("hunter2") == std::string::npos);
  const auto recording = wire::parse_recording(text);
  REQUIRE(recording);
  REQUIRE(recording->events.size() == 3);
  CHECK(std::get<ProcessFacts>(recording->events[1].event).argv.empty());
  REQUIRE(recording->events[1].refined);
  CHECK(recording->events[1].refined->title == "Game.exe");
  CHECK(wire::describe_actions(*recording) ==
        "verdict 42 sixteen bytes...: gaming (proton) by games:x, Steam app 1091500\n"
        "say: game started: game (pid 42, Steam app 1091500)\n"
        "assign 42: profile quiet\n"
        "profile quiet begins\n"
        "assign 42: ai\n"
        "verdict 42 sixteen bytes...: ai (proton) by b, profile quiet\n"
        "lost 3\n"
        "resync after 3 lost\n");
}

TEST_CASE("recording: damage is an error that names its line") {
  const auto header = wire::format_header({{}, {""}, {}});
  for (const char* bad : {"{}", "[1]", "{\"record\":\"0\"}", "{\"record\":\"zz\"}", "{\"record\":\"00\"}", "\xff",
                          "{\"facts\":7}"}) {
    CAPTURE(bad);
    const auto recording = wire::parse_recording(header + bad + "\n");
    REQUIRE_FALSE(recording);
    CHECK(recording.error().message().starts_with("line 2: "));
  }
  CHECK_FALSE(wire::parse_recording(""));
  CHECK_FALSE(wire::parse_recording("{\"vigil_recording\":2}\n"));
  // Of other types than expected: what is not understood is left out.
  CHECK(wire::parse_recording(header + R"({"facts":{"exists":7,"exe":[],"tgid":"x"},"refined":{"title":3,"decision":{"class":9}}})" + "\n"));
}

TEST_CASE("recording: versions that are not read are named, older ones are read") {
  const auto read = [](const std::string& version, const std::string& abi) {
    return wire::parse_recording("{\"vigil_recording\":" + version + ",\"abi\":" + abi + ",\"rules\":[],\"kinds\":[\"\"],\"atoms\":[]}\n");
  };
  CHECK(read("1", "1"));
  CHECK(read("2", std::to_string(VIGIL_ABI_VERSION)));
  CHECK(read("3", "1").error().message() == "line 1: a recording of version 3; this program reads 1 to 2");
  CHECK(read("1", "99").error().message().starts_with("line 1: its records are of version 99; this program reads 1 to "));
}
