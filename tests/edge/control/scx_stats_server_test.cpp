// SPDX-License-Identifier: GPL-2.0-only
#include "edge/control/scx_stats_server.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "../../support/temp_dir.hpp"

using namespace vigil;
using namespace vigil::edge;

TEST_CASE("scx_stats server: answers with the figures of that moment, and takes its path away with it") {
  const test::TempDir dir;
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  const auto path = dir / "scx/root/stats";
  double reads = 0;
  auto server = ScxStatsServer::create(*loop, path, [&] {
    wire::Metrics metrics;
    metrics.counter("reads", "Reads.").add(++reads);
    return metrics;
  });
  REQUIRE(server);

  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const auto ask = [&] {
    const std::string request = "{\"req\":\"stats\"}\n";
    REQUIRE(send(fd.get(), request.data(), request.size(), 0) > 0);
    char answer[4096];
    ssize_t got = -1;
    for (int i = 0; i < 20 && got < 0; ++i) {
      loop->run_once(false);
      got = recv(fd.get(), answer, sizeof answer, 0);
    }
    REQUIRE(got > 0);
    return nlohmann::json::parse(std::string(answer, static_cast<std::size_t>(got)));
  };
  CHECK(ask()["args"]["resp"]["reads"] == 1);
  CHECK(ask()["args"]["resp"]["reads"] == 2);
  server->reset();
  CHECK_FALSE(std::filesystem::exists(path));
}
