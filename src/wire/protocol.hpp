// SPDX-License-Identifier: GPL-2.0-only
//
// The control protocol: JSON, one object a line, over the daemon's unix socket. Pure. README.md here says
// what each call answers.
//
//   → {"call":"explain","pid":4242}
//   ← {"ok":{…}}   or   {"error":{"code":"not_found","message":"there is no process 4242"}}
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "base/workload_class.hpp"
#include "core/policy/modes.hpp"

namespace vigil::wire {

inline constexpr std::size_t kMaxRequest = 64 * 1024;  // bytes of a request line, without the newline
inline constexpr std::size_t kMaxName = 128;           // bytes of a profile's name
inline constexpr std::uint32_t kMaxPid = 4'194'304;    // the kernel's PID_MAX_LIMIT

enum class ErrorCode {
  bad_request,    // not JSON, not an object, a field missing or of the wrong kind
  unknown_call,   // well-formed, but nothing this daemon knows
  not_permitted,  // the caller may read, but not change
  not_found,      // what it names does not exist (any more)
  unavailable,    // known, but not possible in this mode or on this machine
  internal,       // our fault
};

std::string_view to_string(ErrorCode code);
std::optional<ErrorCode> parse_error_code(std::string_view name);

struct CallError {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // a sentence for people
};

using policy::Mode;
using policy::to_string;
std::optional<Mode> parse_mode(std::string_view name);

struct StatusCall {};
struct StatsCall {};
struct RecordCall {};
struct WatchCall {
  bool all = false;  // every event, not only verdicts
};
struct ExplainCall {
  std::uint32_t pid = 0;
};
struct ClassCall {
  std::uint32_t pid = 0;
  std::optional<WorkloadClass> klass;  // nullopt: "auto", take the person's verdict away
};
struct ModeCall {
  std::optional<Mode> mode;  // nullopt: only asks
};
struct ProfileCall {
  enum class Action { list, show, use, automatic };
  Action action = Action::list;
  std::string name;  // of show and use
  std::optional<std::uint32_t> pid;  // of use: for this process and what descends from it; else for every game
};

using Request =
    std::variant<StatusCall, StatsCall, RecordCall, WatchCall, ExplainCall, ClassCall, ModeCall, ProfileCall>;

tl::expected<Request, CallError> parse_request(std::string_view line);

// Whether the call changes anything, so that only those who may write can make it.
bool changes_something(const Request& request);

// The line that asks for it, with the newline. parse_request() reads back the same request.
std::string format_request(const Request& request);

// Lines, with the newline. Bytes that are not UTF-8 are replaced.
std::string format_ok(const nlohmann::json& body);
std::string format_error(const CallError& error);
std::string format_line(const nlohmann::json& object);

// The other side: the body of an "ok", or the error. A line that is no reply is an `internal` error that says
// so.
tl::expected<nlohmann::json, CallError> parse_reply(std::string_view line);

}  // namespace vigil::wire
