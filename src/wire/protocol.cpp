// SPDX-License-Identifier: GPL-2.0-only
#include "wire/protocol.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.hpp"

namespace vigil::wire {

namespace {

using nlohmann::json;

constexpr std::array<std::pair<ErrorCode, std::string_view>, 6> kErrorCodes = {{
    {ErrorCode::bad_request, "bad_request"},
    {ErrorCode::unknown_call, "unknown_call"},
    {ErrorCode::not_permitted, "not_permitted"},
    {ErrorCode::not_found, "not_found"},
    {ErrorCode::unavailable, "unavailable"},
    {ErrorCode::internal, "internal"},
}};

constexpr std::array<std::pair<Mode, std::string_view>, 5> kModes = {{
    {Mode::automatic, "auto"},
    {Mode::gaming, "gaming"},
    {Mode::powersave, "powersave"},
    {Mode::lowlatency, "lowlatency"},
    {Mode::server, "server"},
}};

constexpr std::array<std::pair<ProfileCall::Action, std::string_view>, 4> kProfileActions = {{
    {ProfileCall::Action::list, "list"},
    {ProfileCall::Action::show, "show"},
    {ProfileCall::Action::use, "use"},
    {ProfileCall::Action::automatic, "auto"},
}};

template <typename Table, typename Value>
std::string_view name_in(const Table& table, Value value) {
  for (const auto& [each, name] : table)
    if (each == value) return name;
  return "";
}

template <typename Table>
auto find_in(const Table& table, std::string_view wanted) -> std::optional<decltype(table[0].first)> {
  for (const auto& [each, name] : table)
    if (name == wanted) return each;
  return std::nullopt;
}

// "'auto', 'gaming', …": what a mistaken value could have been.
template <typename Table>
std::string names_of(const Table& table) {
  std::string names;
  for (const auto& [each, name] : table) names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
  return names;
}

tl::unexpected<CallError> bad(std::string message) {
  return tl::unexpected<CallError>(CallError{ErrorCode::bad_request, std::move(message)});
}

using Parsed = tl::expected<Request, CallError>;

// What a client sent, fit to be quoted back at it.
std::string quote_back(std::string_view text) {
  constexpr std::size_t shown = 40;
  return "'" + printable(text.substr(0, shown)) + (text.size() > shown ? "…'" : "'");
}

const std::string* text_field(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

tl::expected<std::uint32_t, CallError> pid_of(const json& object) {
  const auto found = object.find("pid");
  if (found == object.end()) return bad("'pid' is missing");
  if (!found->is_number_unsigned()) return bad("'pid' is not a process number");
  const auto pid = found->get<std::uint64_t>();
  if (pid == 0 || pid > kMaxPid) return bad("'pid' is not between 1 and " + std::to_string(kMaxPid));
  return static_cast<std::uint32_t>(pid);
}

Parsed parse_watch(const json& object) {
  const auto found = object.find("all");
  if (found == object.end()) return WatchCall{};
  if (!found->is_boolean()) return bad("'all' is neither true nor false");
  return WatchCall{.all = found->get<bool>()};
}

Parsed parse_class(const json& object) {
  const auto pid = pid_of(object);
  if (!pid) return tl::unexpected(pid.error());
  const std::string* name = text_field(object, "class");
  if (name == nullptr) return bad("'class' is missing: the name of a class, or 'auto'");
  if (*name == "auto") return ClassCall{.pid = *pid, .klass = std::nullopt};
  if (const auto klass = parse_workload_class(*name)) return ClassCall{.pid = *pid, .klass = klass};
  std::string known = "'auto'";
  for (const auto each : kWorkloadClasses) known += ", '" + std::string(to_string(each)) + "'";
  return bad("there is no class " + quote_back(*name) + "; there are " + known);
}

Parsed parse_mode_call(const json& object) {
  if (!object.contains("mode") || object.at("mode").is_null()) return ModeCall{};
  const std::string* name = text_field(object, "mode");
  const auto mode = name == nullptr ? std::nullopt : parse_mode(*name);
  if (!mode) return bad("'mode' is none of " + names_of(kModes));
  return ModeCall{.mode = mode};
}

Parsed parse_profile(const json& object) {
  ProfileCall call;
  if (object.contains("action")) {
    const std::string* name = text_field(object, "action");
    const auto action = name == nullptr ? std::nullopt : find_in(kProfileActions, *name);
    if (!action) return bad("'action' is none of " + names_of(kProfileActions));
    call.action = *action;
  }
  if (call.action == ProfileCall::Action::show || call.action == ProfileCall::Action::use) {
    const std::string* name = text_field(object, "name");
    if (name == nullptr || name->empty() || name->size() > kMaxName)
      return bad("'name' is not the name of a profile (1 to " + std::to_string(kMaxName) + " bytes)");
    call.name = *name;
  }
  if (call.action == ProfileCall::Action::use && object.contains("pid") && !object.at("pid").is_null()) {
    const auto pid = pid_of(object);
    if (!pid) return tl::unexpected(pid.error());
    call.pid = *pid;
  }
  return call;
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  return name_in(kErrorCodes, code);
}
std::optional<ErrorCode> parse_error_code(std::string_view name) {
  return find_in(kErrorCodes, name);
}
std::optional<Mode> parse_mode(std::string_view name) {
  return find_in(kModes, name);
}

Parsed parse_request(std::string_view line) {
  if (line.size() > kMaxRequest)
    return bad("the request is longer than " + std::to_string(kMaxRequest) + " bytes");
  const json object = json::parse(line, nullptr, false);
  if (object.is_discarded()) return bad("the request is not JSON");
  if (!object.is_object()) return bad("the request is not a JSON object");
  const std::string* call = text_field(object, "call");
  if (call == nullptr) return bad("'call' is missing: which call is this?");

  if (*call == "status") return StatusCall{};
  if (*call == "stats") return StatsCall{};
  if (*call == "record") return RecordCall{};
  if (*call == "watch") return parse_watch(object);
  if (*call == "explain") {
    const auto pid = pid_of(object);
    if (!pid) return tl::unexpected(pid.error());
    return ExplainCall{.pid = *pid};
  }
  if (*call == "class") return parse_class(object);
  if (*call == "mode") return parse_mode_call(object);
  if (*call == "profile") return parse_profile(object);
  return tl::unexpected<CallError>(
      CallError{ErrorCode::unknown_call, "there is no call " + quote_back(*call)});
}

bool changes_something(const Request& request) {
  if (std::holds_alternative<ClassCall>(request)) return true;
  if (const auto* mode = std::get_if<ModeCall>(&request)) return mode->mode.has_value();
  if (const auto* profile = std::get_if<ProfileCall>(&request))
    return profile->action == ProfileCall::Action::use || profile->action == ProfileCall::Action::automatic;
  return false;
}

std::string format_request(const Request& request) {
  struct Formatter {
    json operator()(const StatusCall&) const { return {{"call", "status"}}; }
    json operator()(const StatsCall&) const { return {{"call", "stats"}}; }
    json operator()(const RecordCall&) const { return {{"call", "record"}}; }
    json operator()(const WatchCall& call) const { return {{"call", "watch"}, {"all", call.all}}; }
    json operator()(const ExplainCall& call) const { return {{"call", "explain"}, {"pid", call.pid}}; }
    json operator()(const ClassCall& call) const {
      return {{"call", "class"}, {"pid", call.pid}, {"class", call.klass ? to_string(*call.klass) : "auto"}};
    }
    json operator()(const ModeCall& call) const {
      json object = {{"call", "mode"}};
      if (call.mode) object["mode"] = to_string(*call.mode);
      return object;
    }
    json operator()(const ProfileCall& call) const {
      json object = {{"call", "profile"}, {"action", name_in(kProfileActions, call.action)}};
      if (!call.name.empty()) object["name"] = call.name;
      if (call.pid) object["pid"] = *call.pid;
      return object;
    }
  };
  return format_line(std::visit(Formatter{}, request));
}

std::string format_line(const json& object) {
  std::string line = object.dump(-1, ' ', false, json::error_handler_t::replace);
  line += '\n';
  return line;
}

std::string format_ok(const json& body) {
  return format_line({{"ok", body}});
}

std::string format_error(const CallError& error) {
  return format_line({{"error", {{"code", to_string(error.code)}, {"message", error.message}}}});
}

tl::expected<json, CallError> parse_reply(std::string_view line) {
  json object = json::parse(line, nullptr, false);
  if (object.is_object()) {
    if (const auto ok = object.find("ok"); ok != object.end()) return std::move(*ok);
    if (const auto error = object.find("error"); error != object.end() && error->is_object()) {
      const std::string* code = text_field(*error, "code");
      const std::string* message = text_field(*error, "message");
      if (code != nullptr && message != nullptr)
        return tl::unexpected<CallError>(
            CallError{parse_error_code(*code).value_or(ErrorCode::internal), *message});
    }
  }
  return tl::unexpected<CallError>(
      CallError{ErrorCode::internal, "the daemon's answer is no reply: " + quote_back(line)});
}

}  // namespace vigil::wire
