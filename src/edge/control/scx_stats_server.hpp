// SPDX-License-Identifier: GPL-2.0-only
//
// Serves the figures to tools that speak the scx_stats protocol. The path is one for all schedulers: exists
// only while ours is attached.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "edge/control/unix_listener.hpp"
#include "loop/loop.hpp"
#include "loop/stream_server.hpp"
#include "wire/metrics.hpp"

namespace vigil::edge {

inline constexpr const char* kScxStatsPath = "/var/run/scx/root/stats";

class ScxStatsServer {
 public:
  // `read` is asked for the figures with each request.
  static Result<std::unique_ptr<ScxStatsServer>> create(loop::Loop& loop, const std::string& path,
                                                        std::function<wire::Metrics()> read);

 private:
  ScxStatsServer() = default;
  UnixListener listener_;
  std::function<wire::Metrics()> read_;
  loop::StreamServer server_;
};

}  // namespace vigil::edge
