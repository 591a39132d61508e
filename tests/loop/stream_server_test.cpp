// SPDX-License-Identifier: GPL-2.0-only
//
// A real server on a real socket; the clients are plain descriptors of the same thread, driven turn by turn.
#include "loop/stream_server.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

using vigil::UniqueFd;
using vigil::loop::Loop;
using vigil::loop::PeerCredentials;
using vigil::loop::StreamLimits;
using vigil::loop::StreamServer;

namespace {

// An abstract address the kernel chooses: nothing to clean up.
struct Address {
  sockaddr_un raw{};
  socklen_t length = 0;
};

struct World {
  Loop loop = [] {
    auto made = Loop::create();
    REQUIRE(made);
    return std::move(*made);
  }();
  Address address;
  StreamServer server;
  std::vector<std::string> lines;
  std::vector<StreamServer::ClientId> connected, overlong, drained, closed;
  PeerCredentials peer;
  bool admit = true;
  // What to answer to a line; empty answers nothing.
  std::function<void(StreamServer::ClientId, std::string_view)> on_line;

  explicit World(StreamLimits limits = {}) {
    UniqueFd listening(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    address.raw.sun_family = AF_UNIX;
    REQUIRE(bind(listening.get(), reinterpret_cast<sockaddr*>(&address.raw), sizeof(sa_family_t)) == 0);
    address.length = sizeof address.raw;
    REQUIRE(getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address.raw), &address.length) == 0);
    REQUIRE(listen(listening.get(), 128) == 0);
    auto made = StreamServer::create(loop, std::move(listening), limits,
                                     {.connected =
                                          [this](auto id, const PeerCredentials& who, int fd) {
                                            CHECK(fd >= 0);
                                            connected.push_back(id);
                                            peer = who;
                                            return admit;
                                          },
                                      .line =
                                          [this](auto id, std::string_view line) {
                                            lines.emplace_back(line);
                                            if (on_line) on_line(id, line);
                                          },
                                      .overlong = [this](auto id) { overlong.push_back(id); },
                                      .drained = [this](auto id) { drained.push_back(id); },
                                      .closed = [this](auto id) { closed.push_back(id); }});
    REQUIRE(made);
    server = std::move(*made);
  }

  UniqueFd client() {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&address.raw), address.length) == 0);
    turn();
    return fd;
  }

  void turn(int times = 5) {
    for (int i = 0; i < times; ++i) loop.run_once(false);
  }

  void say(const UniqueFd& fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t put = send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (put > 0) text.remove_prefix(static_cast<std::size_t>(put));
      turn();
    }
  }
};

std::string hear(const UniqueFd& fd) {
  std::string all;
  char chunk[4096];
  ssize_t got = 0;
  while ((got = recv(fd.get(), chunk, sizeof chunk, 0)) > 0) all.append(chunk, static_cast<std::size_t>(got));
  return all;
}

bool at_end(const UniqueFd& fd) {
  char byte = 0;
  return recv(fd.get(), &byte, 1, 0) == 0;
}

}  // namespace

TEST_CASE("stream server: lines come whole, however they were cut, and answers go back") {
  World world;
  world.on_line = [&](auto id, auto line) {
    CHECK(world.server.send(id, "got " + std::string(line) + "\n"));
  };
  const auto client = world.client();
  world.say(client, "hel");
  CHECK(world.lines.empty());
  world.say(client, "lo\nsecond\r\n\nlast");
  CHECK(world.lines == std::vector<std::string>{"hello", "second", ""});
  CHECK(hear(client) == "got hello\ngot second\ngot \n");
}

TEST_CASE("stream server: the kernel says who connected") {
  World world;
  const auto client = world.client();
  CHECK(world.peer.pid == getpid());
  CHECK(world.peer.uid == geteuid());
  CHECK(world.peer.gid == getegid());
}

TEST_CASE("stream server: an overlong line is reported once, discarded, and the next line is heard") {
  World world({.line = 100});
  const auto client = world.client();
  world.say(client, std::string(5000, 'x'));
  world.say(client, std::string(5000, 'x') + "\nshort\n");
  CHECK(world.overlong.size() == 1);
  CHECK(world.lines == std::vector<std::string>{"short"});
  world.say(client, std::string(100, 'y') + "\n");
  CHECK(world.lines.back().size() == 100);
}

TEST_CASE("stream server: a client that does not read is bounded, and told of nothing by halves") {
  World world({.output = 10000});
  const auto client = world.client();
  const auto id = world.connected.at(0);
  const std::string line = std::string(999, 'z') + "\n";
  int sent = 0;
  while (world.server.send(id, line)) REQUIRE(++sent < 100000);
  CHECK(world.server.pending(id) <= 10000);
  CHECK(world.server.pending(id) > 9000);
  CHECK(world.drained.empty());

  std::string all;
  for (int i = 0; i < 1000 && world.drained.empty(); ++i) {
    all += hear(client);
    world.turn();
  }
  all += hear(client);
  CHECK(all.size() == static_cast<std::size_t>(sent) * line.size());
  CHECK(world.drained.size() == 1);
  CHECK(world.server.pending(id) == 0);
  CHECK(world.server.send(id, line));
}

TEST_CASE("stream server: queued bytes leave together, in order with sent ones, in the next turn") {
  World world;
  const auto client = world.client();
  const auto id = world.connected.at(0);
  CHECK(world.server.queue(id, "one\n"));
  CHECK(world.server.queue(id, "two\n"));
  CHECK(hear(client).empty());
  CHECK(world.server.send(id, "three\n"));
  world.turn();
  CHECK(hear(client) == "one\ntwo\nthree\n");
  CHECK(world.server.pending(id) == 0);
}

TEST_CASE("stream server: a client that closes its sending half still gets its answer, then the end") {
  World world;
  world.on_line = [&](auto id, auto) { world.server.send(id, std::string(150000, 'a') + "\n"); };
  const auto client = world.client();
  world.say(client, "question\n");
  shutdown(client.get(), SHUT_WR);
  world.turn();
  std::string all;
  for (int i = 0; i < 1000 && all.size() < 150001; ++i) {
    all += hear(client);
    world.turn();
  }
  CHECK(all.size() == 150001);
  CHECK(at_end(client));
  CHECK(world.closed.size() == 1);
}

TEST_CASE("stream server: a client that vanishes with bytes waiting is let go") {
  World world;
  auto client = world.client();
  const auto id = world.connected.at(0);
  while (world.server.send(id, std::string(10000, 'q'))) {
  }
  client.reset();
  world.turn();
  CHECK(world.closed == std::vector{id});
  CHECK(world.server.clients() == 0);
  CHECK_FALSE(world.server.send(id, "x"));
}

TEST_CASE("stream server: closing from inside a line handler hears no further line") {
  World world;
  world.on_line = [&](auto id, auto) {
    world.server.send(id, "bye\n");
    world.server.close(id);
  };
  const auto client = world.client();
  world.say(client, "one\ntwo\n");
  CHECK(world.lines == std::vector<std::string>{"one"});
  CHECK(hear(client) == "bye\n");
  CHECK(at_end(client));
  CHECK(world.closed.size() == 1);
}

TEST_CASE("stream server: one client too many is turned away, and may come back later") {
  World world({.clients = 2});
  auto first = world.client();
  const auto second = world.client();
  const auto third = world.client();
  CHECK(at_end(third));
  CHECK(world.server.refused() == 1);
  first.reset();
  world.turn();
  const auto fourth = world.client();
  CHECK_FALSE(at_end(fourth));
  CHECK(world.server.clients() == 2);
}

TEST_CASE("stream server: a refused client sees the end at once") {
  World world;
  world.admit = false;
  const auto client = world.client();
  CHECK(at_end(client));
  CHECK(world.server.clients() == 0);
  CHECK(world.closed.empty());
}

TEST_CASE(
    "stream server: when descriptors run out a waiting client is turned away instead of spinning the loop") {
  World world;
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
  UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  std::vector<UniqueFd> hogs;
  rlimit low = old;
  low.rlim_cur = 64;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  for (;;) {
    UniqueFd hog(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!hog) break;
    hogs.push_back(std::move(hog));
  }
  REQUIRE(connect(client.get(), reinterpret_cast<sockaddr*>(&world.address.raw), world.address.length) == 0);
  world.turn();
  REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(at_end(client));
  CHECK(world.server.refused() == 1);
  hogs.clear();
  const auto later = world.client();
  CHECK(world.server.clients() == 1);
}

TEST_CASE("stream server: can be destroyed with clients connected, before the loop") {
  World world;
  const auto client = world.client();
  world.server = StreamServer();
  world.turn();
  CHECK(at_end(client));
}
