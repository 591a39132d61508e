// SPDX-License-Identifier: GPL-2.0-only
#include "edge/control/control_server.hpp"

#include <doctest/doctest.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "../../support/temp_dir.hpp"
#include "base/unique_fd.hpp"
#include "log/log.hpp"

using namespace vigil;
using namespace vigil::edge;
using nlohmann::json;
using Kind = ControlServer::Kind;

namespace {

UniqueFd dial(const std::string& path, int flags = SOCK_NONBLOCK) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

struct World {
  test::TempDir dir;
  loop::Loop loop = [] {
    auto made = loop::Loop::create();
    REQUIRE(made);
    return std::move(*made);
  }();
  std::unique_ptr<ControlServer> server;
  std::vector<Peer> asked;

  explicit World(const ControlOptions& options = {}) {
    log::set_level(log::Level::off);
    auto made =
        ControlServer::create(loop, path(), options, [this](const wire::Request& request, const Peer& peer) {
          asked.push_back(peer);
          if (std::holds_alternative<wire::WatchCall>(request)) {
            const bool all = std::get<wire::WatchCall>(request).all;
            return Reply::stream(all ? Stream::all : Stream::verdicts,
                                 {{"watching", all ? "all" : "verdicts"}});
          }
          if (std::holds_alternative<wire::RecordCall>(request))
            return Reply::stream(Stream::record, {{"recording", 1}});
          if (std::holds_alternative<wire::ExplainCall>(request))
            return Reply::error(wire::ErrorCode::not_found, "there is no process");
          return Reply::ok({{"done", true}});
        });
    REQUIRE(made);
    server = std::move(*made);
  }

  std::string path() const { return dir / "control.sock"; }
  void turn(int times = 5) {
    for (int i = 0; i < times; ++i) loop.run_once(false);
  }
  UniqueFd client() {
    auto fd = dial(path());
    REQUIRE(fd);
    turn();
    return fd;
  }
  void say(const UniqueFd& fd, std::string_view text) {
    REQUIRE(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    turn();
  }
  std::string hear(const UniqueFd& fd) {
    std::string all;
    char chunk[65536];
    for (int quiet = 0; quiet < 3; ++quiet) {
      ssize_t got = 0;
      while ((got = recv(fd.get(), chunk, sizeof chunk, 0)) > 0) {
        all.append(chunk, static_cast<std::size_t>(got));
        quiet = 0;
      }
      turn();
    }
    return all;
  }
};

}  // namespace

TEST_CASE("control: requests are answered in order, good and bad") {
  World world;
  const auto client = world.client();
  world.say(client,
            "{\"call\":\"status\"}\nnonsense\n{\"call\":\"explain\",\"pid\":5}\n{\"call\":\"fly\"}\n");
  CHECK(world.hear(client) ==
        "{\"ok\":{\"done\":true}}\n"
        "{\"error\":{\"code\":\"bad_request\",\"message\":\"the request is not JSON\"}}\n"
        "{\"error\":{\"code\":\"not_found\",\"message\":\"there is no process\"}}\n"
        "{\"error\":{\"code\":\"unknown_call\",\"message\":\"there is no call 'fly'\"}}\n");
  CHECK(world.asked.size() == 2);
  CHECK(world.asked[0].pid == getpid());
  CHECK(world.asked[0].may_change);
}

TEST_CASE("control: a request of more than 64 KiB is refused and the next one is heard") {
  World world;
  const auto client = world.client();
  for (int i = 0; i < 20; ++i) world.say(client, std::string(4096, ' '));
  world.say(client, "\n{\"call\":\"status\"}\n");
  const auto heard = world.hear(client);
  CHECK(heard.find("longer than 65536 bytes") != std::string::npos);
  CHECK(heard.find("{\"ok\":{\"done\":true}}") != std::string::npos);
}

TEST_CASE(
    "control: each stream gets its own lines, after its reply, and nobody's lines are wanted by nobody") {
  World world;
  CHECK_FALSE(world.server->wanted(Kind::verdict));
  int changes = 0;
  world.server->on_subscribers_changed([&] { ++changes; });
  auto verdicts = world.client();
  auto all = world.client();
  auto record = world.client();
  world.say(verdicts, "{\"call\":\"watch\"}\n");
  CHECK(world.server->wanted(Kind::verdict));
  CHECK_FALSE(world.server->wanted(Kind::event));
  world.say(all, "{\"call\":\"watch\",\"all\":true}\n");
  CHECK(world.server->wanted(Kind::event));
  CHECK_FALSE(world.server->wanted(Kind::recorded));
  world.say(record, "{\"call\":\"record\"}\n");
  CHECK(changes == 3);

  world.server->publish(Kind::verdict, "V");
  world.server->publish(Kind::event, "E\n");
  world.server->publish(Kind::recorded, "R");
  CHECK(world.hear(verdicts) == "{\"ok\":{\"watching\":\"verdicts\"}}\nV\n");
  CHECK(world.hear(all) == "{\"ok\":{\"watching\":\"all\"}}\nV\nE\n");
  CHECK(world.hear(record) == "{\"ok\":{\"recording\":1}}\nR\n");

  all.reset();
  world.turn();
  CHECK(changes == 4);
  CHECK_FALSE(world.server->wanted(Kind::event));
  CHECK(world.server->wanted(Kind::verdict));
  CHECK(world.server->subscribers(Stream::all) == 0);
}

TEST_CASE(
    "control: a client that does not read loses lines, hears how many at once, and the others lose none") {
  World world({.queue = 8192});
  const auto slow = world.client();
  const auto quick = world.client();
  world.say(slow, "{\"call\":\"watch\"}\n");
  world.say(quick, "{\"call\":\"watch\"}\n");
  const int total = 20000;
  std::string heard_by_quick;
  for (int i = 0; i < total; ++i) {
    world.server->publish(Kind::verdict, "line " + std::to_string(i));
    if (i % 100 == 0) heard_by_quick += world.hear(quick);
  }
  heard_by_quick += world.hear(quick);
  CHECK(std::count(heard_by_quick.begin(), heard_by_quick.end(), '\n') == total + 1);
  CHECK(heard_by_quick.find("\"lost\"") == std::string::npos);
  CHECK(world.server->lines_lost() > 0);

  const auto heard = world.hear(slow);
  const auto at = heard.find("{\"count\":");
  REQUIRE(at != std::string::npos);
  const auto lost = json::parse(heard.substr(at, heard.find('\n', at) - at));
  CHECK(lost["event"] == "lost");
  CHECK(lost["where"] == "client");
  const auto lines = static_cast<std::uint64_t>(std::count(heard.begin(), heard.end(), '\n'));
  // The reply and the line that tells of the loss are not of the stream.
  CHECK(lines - 2 + lost["count"].get<std::uint64_t>() == total);
  CHECK(lost["count"] == world.server->lines_lost());
}

TEST_CASE("control: a recording is kept for its reader much longer than other streams") {
  World world({.queue = 8192, .recording_queue = 4 * 1024 * 1024});
  const auto recording = world.client();
  world.say(recording, "{\"call\":\"record\"}\n");
  const int total = 5000;
  const std::string line(400, 'r');
  for (int i = 0; i < total; ++i) world.server->publish(Kind::recorded, line);
  CHECK(world.server->lines_lost() == 0);
  const auto heard = world.hear(recording);
  CHECK(std::count(heard.begin(), heard.end(), '\n') == total + 1);
}

TEST_CASE("control: a client that asks and asks without reading is let go") {
  World world({.queue = 4096});
  const auto client = world.client();
  const std::string request = "{\"call\":\"status\"}\n";
  for (int i = 0; i < 200000; ++i) {
    if (send(client.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0 && errno == EPIPE) break;
    if (i % 64 == 0) world.turn(1);
  }
  // What was answered until then arrives, then the end.
  world.hear(client);
  world.turn();
  char byte = 0;
  CHECK(recv(client.get(), &byte, 1, 0) <= 0);
  CHECK(dial(world.path()).valid());
}

TEST_CASE("control: only root, the daemon's user and the group may change something") {
  if (geteuid() != 0) {
    MESSAGE("skipped: only root can become somebody else");
    return;
  }
  struct Case {
    uid_t uid;
    gid_t gid;
    std::vector<gid_t> more;
    bool group_may_change;
    std::string answer;
  };
  const std::string change = "{\"call\":\"mode\",\"mode\":\"gaming\"}\n";
  const std::string done = "{\"ok\"", refused = "{\"error\":{\"code\":\"not_permitted\"";
  constexpr gid_t group = 4711;
  const Case cases[] = {
      {0, 0, {}, true, done},
      {1000, 1000, {}, true, refused},
      {1000, group, {}, true, done},
      {1000, 1000, {7, group}, true, done},
      {1000, 1000, {group}, false, refused},
  };
  for (const auto& each : cases) {
    World world({.group = group, .group_may_change = each.group_may_change});
    // Anyone may connect here, so that the decision under test is the server's and not the file's mode.
    REQUIRE(chmod(world.dir.path().c_str(), 0755) == 0);
    REQUIRE(chmod(world.path().c_str(), 0666) == 0);
    int pipe_fds[2];
    REQUIRE(pipe(pipe_fds) == 0);
    const pid_t child = fork();
    if (child == 0) {
      char answer[512] = "no connection";
      if (setgroups(each.more.size(), each.more.data()) == 0 &&
          setresgid(each.gid, each.gid, each.gid) == 0 && setresuid(each.uid, each.uid, each.uid) == 0) {
        const auto fd = dial(world.path(), 0);
        if (fd && send(fd.get(), change.data(), change.size(), 0) > 0)
          recv(fd.get(), answer, sizeof answer - 1, 0);
      }
      if (write(pipe_fds[1], answer, strlen(answer)) < 0) _exit(1);
      _exit(0);
    }
    close(pipe_fds[1]);
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) world.turn(1);
    char answer[512] = {};
    CHECK(read(pipe_fds[0], answer, sizeof answer - 1) > 0);
    close(pipe_fds[0]);
    CHECK_MESSAGE(std::string(answer).starts_with(each.answer), answer);
    CHECK(world.asked.size() == (each.answer == done ? 1 : 0));
  }
}

TEST_CASE("control: groups by name and number") {
  CHECK(find_group("0").value() == 0);
  CHECK(find_group("root").value() == 0);
  const auto missing = find_group("no such group");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message() == "there is no group 'no such group'");
}
