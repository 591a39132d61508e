// SPDX-License-Identifier: GPL-2.0-only
#include "edge/control/control_server.hpp"

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "edge/control/unix_listener.hpp"
#include "log/log.hpp"
#include "loop/stream_server.hpp"

namespace vigil::edge {

namespace {

constexpr log::Logger logger{"control"};

using loop::PeerCredentials;
using loop::StreamServer;

bool follows(Stream stream, ControlServer::Kind kind) {
  switch (kind) {
    case ControlServer::Kind::verdict:
      return stream == Stream::verdicts || stream == Stream::all;
    case ControlServer::Kind::event:
      return stream == Stream::all;
    case ControlServer::Kind::recorded:
      return stream == Stream::record;
  }
  return false;
}

std::string lost_line(std::uint64_t count) {
  return wire::format_line({{"event", "lost"},
                            {"t_ns", monotonic_now()},
                            {"count", count},
                            {"resynced", false},
                            {"where", "client"}});
}

}  // namespace

Reply Reply::ok(const nlohmann::json& body) {
  return {.line = wire::format_ok(body)};
}
Reply Reply::error(wire::ErrorCode code, std::string message) {
  return {.line = wire::format_error({code, std::move(message)})};
}
Reply Reply::stream(Stream stream, const nlohmann::json& body) {
  return {.line = wire::format_ok(body), .subscribe = stream};
}

struct ControlServer::Impl {
  struct Client {
    Peer peer;
    std::optional<Stream> stream;
    std::uint64_t lost = 0;  // lines not yet told of
  };

  ControlOptions options;
  Handler handler;
  std::function<void()> subscribers_changed;
  UnixListener listener;
  std::unordered_map<StreamServer::ClientId, Client> clients;
  std::array<std::size_t, 3> following{};
  std::uint64_t lost = 0;
  StreamServer server;

  void connected(StreamServer::ClientId id, const PeerCredentials& who, int fd) {
    Peer peer{.pid = who.pid, .uid = who.uid, .may_change = who.uid == 0 || who.uid == geteuid()};
    if (!peer.may_change && options.group && options.group_may_change)
      peer.may_change = peer_in_group(fd, who.gid, *options.group);
    clients[id] = {.peer = peer, .stream = {}};
  }

  void answer(StreamServer::ClientId id, std::string_view line) {
    const auto found = clients.find(id);
    if (found == clients.end()) return;
    const auto request = wire::parse_request(line);
    if (!request) return reply(id, wire::format_error(request.error()));
    const Peer peer = found->second.peer;
    if (wire::changes_something(*request) && !peer.may_change)
      return reply(
          id, wire::format_error({wire::ErrorCode::not_permitted,
                                  "only root and the configured group may change something; you may read"}));
    const Reply made = handler(*request, peer);
    // The reply comes before the first line of the stream.
    reply(id, made.line);
    if (made.subscribe) subscribe(id, *made.subscribe);
  }

  void reply(StreamServer::ClientId id, std::string_view line) {
    if (server.pending(id) <= options.queue && server.send(id, line)) return;
    const auto found = clients.find(id);
    if (found == clients.end()) return;
    // An answer cannot be left out like a line of a stream; so the conversation ends.
    logger.warn("a client (pid {}) asks without reading the answers and is disconnected",
                found->second.peer.pid);
    server.close(id);
  }

  void subscribe(StreamServer::ClientId id, Stream stream) {
    const auto found = clients.find(id);
    if (found == clients.end()) return;
    if (found->second.stream) --following[static_cast<std::size_t>(*found->second.stream)];
    found->second.stream = stream;
    ++following[static_cast<std::size_t>(stream)];
    if (subscribers_changed) subscribers_changed();
  }

  void closed(StreamServer::ClientId id) {
    const auto found = clients.find(id);
    if (found == clients.end()) return;
    const auto stream = found->second.stream;
    clients.erase(found);
    if (!stream) return;
    --following[static_cast<std::size_t>(*stream)];
    if (subscribers_changed) subscribers_changed();
  }

  void offer(StreamServer::ClientId id, Client& client, std::string_view line) {
    if ((client.lost == 0 || tell_lost(id, client)) && queue(id, client, line)) return;
    ++client.lost;
    ++lost;
  }

  bool queue(StreamServer::ClientId id, const Client& client, std::string_view line) {
    const auto bound = client.stream == Stream::record ? options.recording_queue : options.queue;
    return server.pending(id) + line.size() <= bound && server.queue(id, line);
  }

  bool tell_lost(StreamServer::ClientId id, Client& client) {
    if (!queue(id, client, lost_line(client.lost))) return false;
    logger.warn("a client (pid {}) reads too slowly and lost {} lines", client.peer.pid, client.lost);
    client.lost = 0;
    return true;
  }

  // Now, without waiting for the next event, which may be long in coming.
  void drained(StreamServer::ClientId id) {
    const auto found = clients.find(id);
    if (found != clients.end() && found->second.lost > 0) tell_lost(id, found->second);
  }
};

Result<std::unique_ptr<ControlServer>> ControlServer::create(loop::Loop& loop, const std::string& path,
                                                             const ControlOptions& options, Handler handler) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->handler = std::move(handler);
  auto listener = UnixListener::create(path, {.mode = 0660, .group = options.group});
  if (!listener) return fail(std::move(listener).error().in("control socket"));
  impl->listener = std::move(*listener);
  auto* raw = impl.get();
  const std::string too_long =
      wire::format_error({wire::ErrorCode::bad_request,
                          "the request is longer than " + std::to_string(wire::kMaxRequest) + " bytes"});
  auto server = StreamServer::create(loop, impl->listener.take(),
                                     {.clients = options.clients,
                                      .line = wire::kMaxRequest,
                                      .output = std::max(options.queue, options.recording_queue)},
                                     {.connected =
                                          [raw](auto id, const auto& who, int fd) {
                                            raw->connected(id, who, fd);
                                            return true;
                                          },
                                      .line = [raw](auto id, auto line) { raw->answer(id, line); },
                                      .overlong = [raw, too_long](auto id) { raw->reply(id, too_long); },
                                      .drained = [raw](auto id) { raw->drained(id); },
                                      .closed = [raw](auto id) { raw->closed(id); }});
  if (!server) return fail(std::move(server).error().in("control socket"));
  impl->server = std::move(*server);
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() = default;

void ControlServer::publish(Kind kind, std::string_view line) {
  if (!wanted(kind)) return;
  std::string whole(line);
  if (whole.empty() || whole.back() != '\n') whole += '\n';
  for (auto& [id, client] : impl_->clients)
    if (client.stream && follows(*client.stream, kind)) impl_->offer(id, client, whole);
}

bool ControlServer::wanted(Kind kind) const {
  return std::ranges::any_of(std::array{Stream::verdicts, Stream::all, Stream::record}, [&](Stream stream) {
    return impl_->following[static_cast<std::size_t>(stream)] > 0 && follows(stream, kind);
  });
}

void ControlServer::on_subscribers_changed(std::function<void()> callback) {
  impl_->subscribers_changed = std::move(callback);
}

std::size_t ControlServer::subscribers(Stream stream) const {
  return impl_->following[static_cast<std::size_t>(stream)];
}

std::uint64_t ControlServer::lines_lost() const {
  return impl_->lost;
}

bool peer_in_group(int fd, gid_t primary, gid_t group) {
  if (primary == group) return true;
  std::vector<gid_t> groups(64);
  auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) {
    if (errno != ERANGE) return false;
    groups.resize(bytes / sizeof(gid_t));  // the kernel said how many there are
  }
  groups.resize(bytes / sizeof(gid_t));
  return std::ranges::find(groups, group) != groups.end();
}

Result<gid_t> find_group(const std::string& name) {
  if (const auto number = parse_number<gid_t>(name)) return *number;
  if (const group* found = getgrnam(name.c_str())) return found->gr_gid;
  return fail("there is no group '" + printable(name) + "'", ENOENT);
}

}  // namespace vigil::edge
