// SPDX-License-Identifier: GPL-2.0-only
#include "edge/control/scx_stats_server.hpp"

#include "wire/scx_stats.hpp"

namespace vigil::edge {

namespace {

// A request is a few words; a client that does not read its answers is let go.
constexpr loop::StreamLimits kLimits{.clients = 16, .line = 4096, .output = 512 * 1024};

}  // namespace

Result<std::unique_ptr<ScxStatsServer>> ScxStatsServer::create(loop::Loop& loop, const std::string& path,
                                                               std::function<wire::Metrics()> read) {
  std::unique_ptr<ScxStatsServer> made(new ScxStatsServer());
  auto* raw = made.get();
  auto listener = UnixListener::create(path, {.mode = 0660});
  if (!listener) return fail(std::move(listener).error().in("scx_stats socket"));
  raw->listener_ = std::move(*listener);
  raw->read_ = std::move(read);
  auto server = loop::StreamServer::create(
      loop, raw->listener_.take(), kLimits,
      {.line =
           [raw](auto client, std::string_view line) {
             if (!raw->server_.send(client, wire::answer_scx_stats(line, raw->read_())))
               raw->server_.close(client);
           },
       .overlong = [raw](auto client) { raw->server_.close(client); }});
  if (!server) return fail(std::move(server).error().in("scx_stats socket"));
  raw->server_ = std::move(*server);
  return made;
}

}  // namespace vigil::edge
