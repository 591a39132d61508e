// SPDX-License-Identifier: GPL-2.0-only
//
// Serves lines of text to the clients of a listening unix socket, with a bound on everything a client can
// make it keep: number of clients, length of a line, bytes waiting to be sent. Nothing here blocks, whatever
// a client does.
//
// A client that closes its sending half is answered and then closed; to follow a stream it keeps both halves
// open.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "loop/loop.hpp"

namespace vigil::loop {

struct StreamLimits {
  std::size_t clients = 64;         // one more is turned away
  std::size_t line = 64 * 1024;     // bytes without the newline
  std::size_t output = 256 * 1024;  // bytes that wait for a slow reader
};

// Who connected, as the kernel vouches for it (SO_PEERCRED, taken at connect()).
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};

class StreamServer {
 public:
  using ClientId = std::uint64_t;  // never reused

  // Each may be empty. They may call send() and close(), but not destroy the server.
  struct Handlers {
    // The descriptor is lent for the call, for questions SO_PEERCRED does not answer. False turns the client
    // away.
    std::function<bool(ClientId, const PeerCredentials&, int fd)> connected = {};
    // Without the newline (and without a carriage return before it).
    std::function<void(ClientId, std::string_view line)> line = {};
    // A line longer than the limit was begun; what there is of it, up to its newline, is discarded.
    std::function<void(ClientId)> overlong = {};
    // All that waited has been sent.
    std::function<void(ClientId)> drained = {};
    // Also after close(); not for clients that `connected` refused.
    std::function<void(ClientId)> closed = {};
  };

  StreamServer();
  // `listening` is bound and listening already.
  static Result<StreamServer> create(Loop& loop, UniqueFd listening, StreamLimits limits, Handlers handlers);

  StreamServer(StreamServer&&) noexcept;
  StreamServer& operator=(StreamServer&&) noexcept;
  ~StreamServer();

  // All or nothing: false, and nothing sent, when the bytes do not fit the client's bound or it is gone.
  // Never calls `closed` before it returns.
  bool send(ClientId client, std::string_view bytes);
  // The same, but the bytes leave in the next turn of the loop, with all that is queued until then: one
  // write, and one wake-up of the reader, for a batch of lines.
  bool queue(ClientId client, std::string_view bytes);
  // Bytes that wait for this client to read.
  std::size_t pending(ClientId client) const;
  // Sends what waits, then closes; reads nothing more.
  void close(ClientId client);
  std::size_t clients() const;
  // Clients turned away because there were too many, since the start.
  std::uint64_t refused() const;

 private:
  struct Impl;
  explicit StreamServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigil::loop
