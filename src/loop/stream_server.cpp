// SPDX-License-Identifier: GPL-2.0-only
#include "loop/stream_server.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cassert>
#include <string>
#include <unordered_map>
#include <utility>

#include "loop/watch.hpp"

namespace vigil::loop {

namespace {

// One turn's share for one client, and for the listening socket: nobody starves the others.
constexpr std::size_t kReadChunk = 16 * 1024;
constexpr int kAcceptBatch = 16;

}  // namespace

struct StreamServer::Impl {
  struct Client {
    UniqueFd fd;
    Watch watch;
    std::string input;
    std::string output;
    std::size_t sent = 0;     // of output
    bool discarding = false;  // in a line that was too long
    bool closing = false;     // reads nothing more, goes when output is sent
    bool reading = true;      // what is watched for
    bool writing = false;     // … the socket to take more

    std::size_t pending() const { return output.size() - sent; }
  };

  StreamLimits limits;
  Handlers handlers;
  Loop* loop = nullptr;
  UniqueFd listening;
  UniqueFd
      spare;  // given up for a moment when descriptors run out, so that a waiting client can be turned away
  Watch watch;
  std::unordered_map<ClientId, Client> clients;
  ClientId next_id = 1;
  std::uint64_t refused = 0;

  ~Impl() {
    // Silent: the owner is going, nobody wants to hear `closed` from a half-destroyed object.
    clients.clear();
  }

  Client* find(ClientId id) {
    const auto found = clients.find(id);
    return found == clients.end() ? nullptr : &found->second;
  }

  void accept_some() {
    for (int i = 0; i < kAcceptBatch; ++i) {
      UniqueFd fd(accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        if (errno == EMFILE || errno == ENFILE) {
          turn_one_away();
          return;
        }
        if (errno == ECONNABORTED || errno == EINTR) continue;
        return;  // EAGAIN: no more; anything else comes again when the socket is ready again
      }
      if (clients.size() >= limits.clients) {
        ++refused;
        continue;
      }
      adopt(std::move(fd));
    }
  }

  // Without this a waiting client would keep the listening socket readable, and the loop spinning, for ever.
  void turn_one_away() {
    spare.reset();
    UniqueFd fd(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd) ++refused;
    fd.reset();
    spare.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }

  void adopt(UniqueFd fd) {
    PeerCredentials peer;
    ucred cred{};
    socklen_t length = sizeof cred;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &cred, &length) == 0)
      peer = {.pid = cred.pid, .uid = cred.uid, .gid = cred.gid};
    const ClientId id = next_id++;
    const int raw = fd.get();
    auto watch_result =
        Watch::create(*loop, raw, {.readable = true}, [this, id](Ready ready) { on_ready(id, ready); });
    if (!watch_result) {
      ++refused;
      return;
    }
    Client& client = clients[id];
    client.fd = std::move(fd);
    client.watch = std::move(*watch_result);
    if (handlers.connected && !handlers.connected(id, peer, raw)) clients.erase(id);
  }

  void on_ready(ClientId id, Ready ready) {
    if (ready.error) return drop(id);
    if (ready.writable) flush(id);
    if (ready.readable) read_some(id);
  }

  void read_some(ClientId id) {
    Client* client = find(id);
    if (client == nullptr || client->closing) return;
    std::array<char, kReadChunk> chunk;
    const ssize_t got = recv(client->fd.get(), chunk.data(), chunk.size(), 0);
    if (got < 0) {
      if (errno != EAGAIN && errno != EINTR) drop(id);
      return;
    }
    if (got == 0) return finish(id);
    take(id, std::string_view(chunk.data(), static_cast<std::size_t>(got)));
  }

  // The client may be gone, or closing, after any handler: look it up again each time.
  void take(ClientId id, std::string_view bytes) {
    while (!bytes.empty()) {
      Client* client = find(id);
      if (client == nullptr || client->closing) return;
      const auto newline = bytes.find('\n');
      const auto part = bytes.substr(0, newline);
      const bool complete = newline != std::string_view::npos;
      bytes.remove_prefix(complete ? newline + 1 : bytes.size());
      if (client->discarding) {
        client->discarding = !complete;
        continue;
      }
      if (client->input.size() + part.size() > limits.line) {
        client->input = {};
        client->discarding = !complete;
        if (handlers.overlong) handlers.overlong(id);
        continue;
      }
      client->input += part;
      if (!complete) continue;
      std::string line = std::exchange(client->input, {});
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (handlers.line) handlers.line(id, line);
    }
  }

  bool send(ClientId id, std::string_view bytes, bool now) {
    Client* client = find(id);
    if (client == nullptr || client->closing) return false;
    if (bytes.size() > limits.output || client->pending() > limits.output - bytes.size()) return false;
    // Not each time: moving a long queue for each short line would cost more than the lines.
    if (client->sent > client->output.size() / 2) {
      client->output.erase(0, client->sent);
      client->sent = 0;
    }
    client->output += bytes;
    if (now && !client->writing) write_some(*client);
    update_interest(*client);
    return true;
  }

  // An error is left for the loop to report: send() is called from handlers that hold on to the client.
  static void write_some(Client& client) {
    while (client.pending() > 0) {
      const ssize_t put =
          ::send(client.fd.get(), client.output.data() + client.sent, client.pending(), MSG_NOSIGNAL);
      if (put < 0) {
        if (errno == EINTR) continue;
        return;
      }
      client.sent += static_cast<std::size_t>(put);
    }
    client.output = {};  // an idle client keeps no memory
    client.sent = 0;
  }

  void flush(ClientId id) {
    Client* client = find(id);
    if (client == nullptr) return;
    const std::size_t before = client->pending();
    errno = 0;
    write_some(*client);
    if (client->pending() > 0) {
      // Writable and yet nothing could be written: the other side is gone.
      if (client->pending() == before && errno != EAGAIN) drop(id);
      return;
    }
    if (client->closing) return drop(id);
    update_interest(*client);
    if (before > 0 && handlers.drained) handlers.drained(id);
  }

  static void update_interest(Client& client) {
    const bool writing = client.pending() > 0;
    const bool reading = !client.closing;
    if (writing == client.writing && reading == client.reading) return;
    client.writing = writing;
    client.reading = reading;
    // Cannot fail on a descriptor that is watched already; and dropping the client here would pull it from
    // under a caller of send().
    [[maybe_unused]] const auto set = client.watch.set({.readable = reading, .writable = writing});
    assert(set);
  }

  // No more requests from this client; it goes when its answers are out.
  void finish(ClientId id) {
    Client* client = find(id);
    if (client == nullptr) return;
    if (client->pending() == 0) return drop(id);
    client->closing = true;
    client->input = {};
    update_interest(*client);
  }

  void drop(ClientId id) {
    const auto found = clients.find(id);
    if (found == clients.end()) return;
    clients.erase(found);
    if (handlers.closed) handlers.closed(id);
  }
};

Result<StreamServer> StreamServer::create(Loop& loop, UniqueFd listening, StreamLimits limits,
                                          Handlers handlers) {
  auto impl = std::make_unique<Impl>();
  impl->limits = limits;
  impl->handlers = std::move(handlers);
  impl->loop = &loop;
  impl->listening = std::move(listening);
  impl->spare.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto watch = Watch::create(loop, impl->listening.get(), {.readable = true},
                             [raw = impl.get()](Ready) { raw->accept_some(); });
  if (!watch) return fail(std::move(watch).error().in("serve a socket"));
  impl->watch = std::move(*watch);
  return StreamServer(std::move(impl));
}

StreamServer::StreamServer() = default;
StreamServer::StreamServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StreamServer::StreamServer(StreamServer&&) noexcept = default;
StreamServer& StreamServer::operator=(StreamServer&&) noexcept = default;
StreamServer::~StreamServer() = default;

bool StreamServer::send(ClientId client, std::string_view bytes) {
  return impl_ && impl_->send(client, bytes, true);
}

bool StreamServer::queue(ClientId client, std::string_view bytes) {
  return impl_ && impl_->send(client, bytes, false);
}

std::size_t StreamServer::pending(ClientId client) const {
  const auto* found = impl_ ? impl_->find(client) : nullptr;
  return found == nullptr ? 0 : found->pending();
}

void StreamServer::close(ClientId client) {
  if (impl_) impl_->finish(client);
}

std::size_t StreamServer::clients() const {
  return impl_ ? impl_->clients.size() : 0;
}

std::uint64_t StreamServer::refused() const {
  return impl_ ? impl_->refused : 0;
}

}  // namespace vigil::loop
