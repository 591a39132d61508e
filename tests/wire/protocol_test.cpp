// SPDX-License-Identifier: GPL-2.0-only
#include "wire/protocol.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

using namespace vigil;
using namespace vigil::wire;
using nlohmann::json;

namespace {

CallError refused(std::string_view line) {
  const auto request = parse_request(line);
  REQUIRE_FALSE(request);
  CHECK_FALSE(request.error().message.empty());
  return request.error();
}

template <typename Call>
Call accepted(std::string_view line) {
  const auto request = parse_request(line);
  REQUIRE(request);
  REQUIRE(std::holds_alternative<Call>(*request));
  return std::get<Call>(*request);
}

}  // namespace

TEST_CASE("protocol: the calls of the contract") {
  accepted<StatusCall>(R"({"call":"status"})");
  accepted<StatsCall>(R"({"call":"stats"})");
  accepted<RecordCall>(R"({"call":"record"})");
  CHECK(accepted<ExplainCall>(R"({"call":"explain","pid":4242})").pid == 4242);
  CHECK_FALSE(accepted<WatchCall>(R"({"call":"watch"})").all);
  CHECK(accepted<WatchCall>(R"({"call":"watch","all":true})").all);
  CHECK(accepted<ClassCall>(R"({"call":"class","pid":7,"class":"gaming"})").klass == WorkloadClass::gaming);
  CHECK_FALSE(accepted<ClassCall>(R"({"call":"class","pid":7,"class":"auto"})").klass);
  CHECK_FALSE(accepted<ModeCall>(R"({"call":"mode"})").mode);
  CHECK(accepted<ModeCall>(R"({"call":"mode","mode":"powersave"})").mode == Mode::powersave);
  CHECK(accepted<ProfileCall>(R"({"call":"profile"})").action == ProfileCall::Action::list);
  CHECK(accepted<ProfileCall>(R"({"call":"profile","action":"use","name":"doom"})").name == "doom");
  CHECK(accepted<ProfileCall>(R"({"call":"profile","action":"use","name":"doom","pid":42})").pid == 42U);
}

TEST_CASE("protocol: fields it does not know are for later versions") {
  CHECK(accepted<ExplainCall>(R"({"call":"explain","pid":1,"depth":3})").pid == 1);
}

TEST_CASE("protocol: a bad request is told what is wrong with it") {
  CHECK(refused("").code == ErrorCode::bad_request);
  CHECK(refused("status").message == "the request is not JSON");
  CHECK(refused("[1]").message == "the request is not a JSON object");
  CHECK(refused("{}").message.find("'call' is missing") != std::string::npos);
  CHECK(refused(R"({"call":7})").code == ErrorCode::bad_request);
  CHECK(refused(R"({"call":"explain"})").message == "'pid' is missing");
  for (const auto* pid : {"-1", "0", "1.5", "\"12\"", "4194305", "null", "[]", "99999999999999999999"})
    CHECK(refused(std::string(R"({"call":"explain","pid":)") + pid + "}").code == ErrorCode::bad_request);
  CHECK(refused(R"({"call":"class","pid":1,"class":"gmaing"})").message.find("'gaming'") !=
        std::string::npos);
  CHECK(refused(R"({"call":"watch","all":"yes"})").code == ErrorCode::bad_request);
  CHECK(refused(R"({"call":"mode","mode":"turbo"})").message.find("'lowlatency'") != std::string::npos);
  CHECK(refused(R"({"call":"profile","action":"use"})").code == ErrorCode::bad_request);
  CHECK(refused(R"({"call":"profile","action":"use","name":"doom","pid":0})").code == ErrorCode::bad_request);
  CHECK(
      refused(R"({"call":"profile","action":"use","name":")" + std::string(kMaxName + 1, 'n') + "\"}").code ==
      ErrorCode::bad_request);
}

TEST_CASE("protocol: a call nobody knows is another mistake than a malformed one, and is quoted safely") {
  CHECK(refused(R"({"call":"reboot"})").code == ErrorCode::unknown_call);
  const auto nasty = refused(R"({"call":"\u001b[31mred"})");
  CHECK(nasty.code == ErrorCode::unknown_call);
  CHECK(nasty.message.find('\x1b') == std::string::npos);
  CHECK(refused(R"({"call":")" + std::string(5000, 'x') + "\"}").message.size() < 200);
}

TEST_CASE("protocol: size and depth are bounded") {
  CHECK(refused(std::string(kMaxRequest + 1, ' ')).message.find("longer than 65536") != std::string::npos);
  CHECK(refused(std::string(kMaxRequest, '[')).code == ErrorCode::bad_request);
}

TEST_CASE("protocol: only what changes something needs the right to write") {
  CHECK(changes_something(ClassCall{.pid = 1, .klass = {}}));
  CHECK(changes_something(ModeCall{.mode = Mode::gaming}));
  CHECK(changes_something(ProfileCall{.action = ProfileCall::Action::use, .name = "x"}));
  CHECK(changes_something(ProfileCall{.action = ProfileCall::Action::automatic, .name = ""}));
  CHECK_FALSE(changes_something(ModeCall{}));
  CHECK_FALSE(changes_something(ProfileCall{}));
  CHECK_FALSE(changes_something(StatusCall{}));
  CHECK_FALSE(changes_something(WatchCall{.all = true}));
  CHECK_FALSE(changes_something(ExplainCall{.pid = 1}));
}

TEST_CASE("protocol: what is asked is what is heard") {
  const Request requests[] = {StatusCall{},
                              StatsCall{},
                              RecordCall{},
                              WatchCall{.all = true},
                              ExplainCall{.pid = 9},
                              ClassCall{.pid = 9, .klass = WorkloadClass::vectordb},
                              ClassCall{.pid = 9, .klass = {}},
                              ModeCall{},
                              ModeCall{.mode = Mode::server},
                              ProfileCall{.action = ProfileCall::Action::show, .name = "a \"b\""}};
  for (const auto& request : requests) {
    auto line = format_request(request);
    REQUIRE(line.back() == '\n');
    line.pop_back();
    CHECK(line.find('\n') == std::string::npos);
    const auto back = parse_request(line);
    REQUIRE(back);
    CHECK(format_request(*back) == line + "\n");
  }
}

TEST_CASE("protocol: replies") {
  CHECK(format_ok({{"pid", 1}}) == "{\"ok\":{\"pid\":1}}\n");
  CHECK(format_error({ErrorCode::not_found, "there is no process 7"}) ==
        "{\"error\":{\"code\":\"not_found\",\"message\":\"there is no process 7\"}}\n");
  CHECK(parse_reply(R"({"ok":{"pid":1}})").value() == json{{"pid", 1}});
  const auto error = parse_reply(R"({"error":{"code":"unavailable","message":"not now"}})");
  REQUIRE_FALSE(error);
  CHECK(error.error().code == ErrorCode::unavailable);
  CHECK(error.error().message == "not now");
  for (const auto* nonsense : {"", "hello", "{}", "[]", R"({"error":"x"})", R"({"error":{"code":3}})"})
    CHECK(parse_reply(nonsense).error().code == ErrorCode::internal);
}

TEST_CASE("protocol: bytes a process chose never break a line or the JSON") {
  const auto line = format_ok({{"comm", std::string("a\nb\xff\x01")}});
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  CHECK(json::parse(line).is_object());
}
