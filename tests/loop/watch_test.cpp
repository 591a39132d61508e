// SPDX-License-Identifier: GPL-2.0-only
#include "loop/watch.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>

#include "base/unique_fd.hpp"

using vigil::UniqueFd;
using vigil::loop::Loop;
using vigil::loop::Ready;
using vigil::loop::Watch;

namespace {

struct Pipe {
  UniqueFd read, write;
  Pipe() {
    std::array<int, 2> fds{};
    REQUIRE(pipe2(fds.data(), O_CLOEXEC) == 0);
    read.reset(fds[0]);
    write.reset(fds[1]);
  }
};

Loop make_loop() {
  auto loop = Loop::create();
  REQUIRE(loop);
  return std::move(*loop);
}

}  // namespace

TEST_CASE("watch: calls back when bytes arrive, and again while some are left") {
  Loop loop = make_loop();
  Pipe pipe;
  std::string got;
  auto watch = Watch::create(loop, pipe.read.get(), {.readable = true}, [&](Ready ready) {
    CHECK(ready.readable);
    char byte = 0;
    REQUIRE(read(pipe.read.get(), &byte, 1) == 1);
    got += byte;
    if (got.size() == 3) loop.stop();
  });
  REQUIRE(watch);
  REQUIRE(write(pipe.write.get(), "abc", 3) == 3);
  loop.run();
  CHECK(got == "abc");
}

TEST_CASE("watch: nothing ready, nothing called") {
  Loop loop = make_loop();
  Pipe pipe;
  int calls = 0;
  auto watch = Watch::create(loop, pipe.read.get(), {.readable = true}, [&](Ready) { ++calls; });
  REQUIRE(watch);
  CHECK(loop.run_once(false));
  CHECK(calls == 0);
}

TEST_CASE(
    "watch: its own callback may destroy it, and what it captured stays whole until the callback returns") {
  Loop loop = make_loop();
  Pipe pipe;
  auto token = std::make_shared<int>(7);
  const std::weak_ptr<int> alive = token;
  std::optional<Watch> watch;
  int calls = 0;
  auto made = Watch::create(loop, pipe.read.get(), {.readable = true}, [&, token](Ready) {
    ++calls;
    watch.reset();
    CHECK(*token == 7);
  });
  token.reset();
  REQUIRE(made);
  watch = std::move(*made);
  REQUIRE(write(pipe.write.get(), "x", 1) == 1);
  CHECK_FALSE(loop.run_once(false));
  loop.run_once(false);
  CHECK(calls == 1);
  CHECK(alive.expired());
}

TEST_CASE("watch: one callback may destroy another watch that is ready in the same turn") {
  Loop loop = make_loop();
  Pipe one, two;
  std::optional<Watch> first, second;
  int calls = 0;
  auto a = Watch::create(loop, one.read.get(), {.readable = true},
                         [&](Ready) { ++calls, first.reset(), second.reset(); });
  auto b = Watch::create(loop, two.read.get(), {.readable = true},
                         [&](Ready) { ++calls, first.reset(), second.reset(); });
  REQUIRE(a);
  REQUIRE(b);
  first = std::move(*a);
  second = std::move(*b);
  REQUIRE(write(one.write.get(), "x", 1) == 1);
  REQUIRE(write(two.write.get(), "x", 1) == 1);
  loop.run_once(false);
  CHECK(calls == 1);
}

TEST_CASE("watch: moving onto a watch ends the one that was there") {
  Loop loop = make_loop();
  Pipe one, two;
  int first_calls = 0, second_calls = 0;
  auto first = Watch::create(loop, one.read.get(), {.readable = true}, [&](Ready) { ++first_calls; });
  auto second = Watch::create(loop, two.read.get(), {.readable = true}, [&](Ready) { ++second_calls; });
  REQUIRE(first);
  REQUIRE(second);
  REQUIRE(write(one.write.get(), "x", 1) == 1);
  REQUIRE(write(two.write.get(), "x", 1) == 1);
  *first = std::move(*second);
  loop.run_once(false);
  CHECK(first_calls == 0);
  CHECK(second_calls == 1);
}

TEST_CASE("watch: interest can be changed and paused") {
  Loop loop = make_loop();
  Pipe pipe;
  int calls = 0;
  auto watch = Watch::create(loop, pipe.write.get(), {}, [&](Ready ready) {
    CHECK(ready.writable);
    ++calls;
  });
  REQUIRE(watch);
  loop.run_once(false);
  CHECK(calls == 0);
  REQUIRE(watch->set({.writable = true}));
  loop.run_once(false);
  CHECK(calls == 1);
  REQUIRE(watch->set({}));
  loop.run_once(false);
  CHECK(calls == 1);
}

TEST_CASE("watch: the end of a stream is told") {
  Loop loop = make_loop();
  std::array<int, 2> fds{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
  UniqueFd ours(fds[0]), theirs(fds[1]);
  bool ended = false;
  auto watch = Watch::create(loop, ours.get(), {.disconnect = true}, [&](Ready ready) {
    ended = ready.disconnect;
    loop.stop();
  });
  REQUIRE(watch);
  theirs.reset();
  loop.run();
  CHECK(ended);
}

TEST_CASE("watch: urgent bytes on a socket are prioritized") {
  Loop loop = make_loop();
  UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(listen(listener.get(), 1) == 0);
  struct sockaddr_storage address {};
  socklen_t length = sizeof address;
  REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(client.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  UniqueFd served(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  bool prioritized = false;
  auto watch = Watch::create(loop, served.get(), {.prioritized = true}, [&](Ready ready) {
    prioritized = ready.prioritized;
    loop.stop();
  });
  REQUIRE(watch);
  REQUIRE(send(client.get(), "!", 1, MSG_OOB) == 1);
  loop.run();
  CHECK(prioritized);
}

TEST_CASE("watch: what cannot be watched is an error with a reason") {
  Loop loop = make_loop();
  UniqueFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  REQUIRE(file);
  auto watch = Watch::create(loop, file.get(), {.readable = true}, [](Ready) {});
  REQUIRE_FALSE(watch);
  CHECK(watch.error().code() != 0);
}
