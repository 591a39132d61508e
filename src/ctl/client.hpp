// SPDX-License-Identifier: GPL-2.0-only
//
// vigilctl's end of the control socket, and how a command ends.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "wire/protocol.hpp"

namespace vigil::ctl {

// Exit statuses, fixed by contract.
inline constexpr int kDone = 0, kFailed = 1, kUsage = 2, kNoDaemon = 3;

struct Options {
  bool json = false;
  std::string socket = "/run/vigil/control.sock";
};

struct Failure {
  int status = kFailed;
  std::string code;     // wire's error codes, and "no_daemon"
  std::string message;  // for people
};

// Says it on stderr, with --json also as an object on stdout; returns the exit status.
int report(const Options& options, const Failure& failure);

class Client {
 public:
  static tl::expected<Client, Failure> connect(const std::string& path);

  // One request, its answer. A daemon that does not answer in ten seconds is a failure.
  tl::expected<nlohmann::json, Failure> call(const wire::Request& request);

  enum class Next { line, nothing, ended };
  // The next line of a stream. `nothing`: the time is over, or a signal came.
  Next next(std::string& line, std::optional<std::chrono::milliseconds> timeout);
  // A whole line is here already: next() will not wait.
  bool has_line() const { return buffer_.find('\n') != std::string::npos; }
  int fd() const { return fd_.get(); }

 private:
  explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::string buffer_;
};

// Connects, asks once, and leaves.
tl::expected<nlohmann::json, Failure> ask(const Options& options, const wire::Request& request);

// One JSON object on one line, on stdout.
void print_json(const nlohmann::json& object);
void print(const std::string& text);

}  // namespace vigil::ctl
