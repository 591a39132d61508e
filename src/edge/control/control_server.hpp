// SPDX-License-Identifier: GPL-2.0-only
//
// The daemon's side of the control socket: requests in, replies and streams out (wire/protocol,
// wire/README.md).
//
// Every client is bounded. One that reads too slowly loses lines of its stream, is told how many, and never
// makes the loop wait.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "loop/loop.hpp"
#include "wire/protocol.hpp"

namespace vigil::edge {

// Who calls, as the kernel vouches for it.
struct Peer {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  bool may_change = false;  // root, the daemon's own user, a member of the configured group
};

// What a client can follow. `all` has the verdicts in it too.
enum class Stream : std::uint8_t { verdicts, all, record };

struct Reply {
  std::string line = {};                 // whole, with its newline
  std::optional<Stream> subscribe = {};  // the client follows this from now on

  static Reply ok(const nlohmann::json& body);
  static Reply error(wire::ErrorCode code, std::string message);
  static Reply stream(Stream stream, const nlohmann::json& body);
};

struct ControlOptions {
  std::optional<gid_t> group = {};  // may connect; nullopt: root alone
  bool group_may_change = true;
  std::size_t clients = 64;
  // Bytes kept for a client that reads slowly: its answers and lines, and the lines of a recording, which is
  // worth nothing with holes in it. Taken only while they wait.
  std::size_t queue = 1024 * 1024;
  std::size_t recording_queue = 16 * 1024 * 1024;
};

class ControlServer {
 public:
  using Handler = std::function<Reply(const wire::Request&, const Peer&)>;

  // Makes the socket. The handler is asked for permitted, well-formed requests only. The server may not be
  // destroyed from inside a callback.
  static Result<std::unique_ptr<ControlServer>> create(loop::Loop& loop, const std::string& path,
                                                       const ControlOptions& options, Handler handler);
  ~ControlServer();

  // A line, with or without its newline, for all who follow such lines: verdicts go to `verdicts` and `all`,
  // events to `all`, recorded ones to `record`.
  enum class Kind : std::uint8_t { verdict, event, recorded };
  void publish(Kind kind, std::string_view line);
  // Ask before making a line that nobody wants.
  bool wanted(Kind kind) const;
  // Called when the answer of wanted() may have changed.
  void on_subscribers_changed(std::function<void()> callback);

  // How many follow each stream, and lines that slow readers lost since the start.
  std::size_t subscribers(Stream stream) const;
  std::uint64_t lines_lost() const;

  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Whether the process at the other end of a connected unix socket is in the group, its supplementary groups
// included.
bool peer_in_group(int fd, gid_t primary, gid_t group);

// The number of a group given by name or number.
Result<gid_t> find_group(const std::string& name);

}  // namespace vigil::edge
