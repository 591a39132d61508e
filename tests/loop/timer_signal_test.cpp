// SPDX-License-Identifier: GPL-2.0-only
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <optional>

#include "base/clock.hpp"
#include "loop/signal.hpp"
#include "loop/timer.hpp"

using vigil::loop::Loop;
using vigil::loop::Signal;
using vigil::loop::Timer;
using namespace std::chrono_literals;

namespace {
Loop make_loop() {
  auto loop = Loop::create();
  REQUIRE(loop);
  return std::move(*loop);
}
}  // namespace

TEST_CASE("timer: fires once, not before its time, and the loop has nothing left to do then") {
  Loop loop = make_loop();
  int calls = 0;
  auto timer = Timer::create(loop, [&] { ++calls; });
  REQUIRE(timer);
  const auto begin = vigil::monotonic_now();
  timer->arm(20ms);
  CHECK(timer->armed());
  loop.run();
  // libuv counts whole milliseconds of its own clock, which may have been one behind.
  CHECK(vigil::monotonic_now() - begin >= 19'000'000);
  CHECK(calls == 1);
  CHECK_FALSE(timer->armed());
}

TEST_CASE("timer: created, disarmed or destroyed, it does not fire") {
  Loop loop = make_loop();
  int calls = 0;
  auto idle = Timer::create(loop, [&] { ++calls; });
  auto disarmed = Timer::create(loop, [&] { ++calls; });
  auto destroyed = Timer::create(loop, [&] { ++calls; });
  REQUIRE(idle);
  REQUIRE(disarmed);
  REQUIRE(destroyed);
  disarmed->arm(0ns);
  disarmed->disarm();
  destroyed->arm(0ns);
  destroyed->reset();
  loop.run();
  CHECK(calls == 0);
}

TEST_CASE("timer: arming again starts anew, and may be done by its own callback") {
  Loop loop = make_loop();
  int calls = 0;
  std::optional<Timer> timer;
  auto made = Timer::create(loop, [&] {
    if (++calls < 3) timer->arm(1ms);
  });
  REQUIRE(made);
  timer = std::move(*made);
  timer->arm(1h);
  timer->arm(1ms);
  loop.run();
  CHECK(calls == 3);
}

TEST_CASE("timer: its own callback may destroy it") {
  Loop loop = make_loop();
  std::optional<Timer> timer;
  int calls = 0;
  auto made = Timer::create(loop, [&] {
    timer.reset();
    ++calls;
  });
  REQUIRE(made);
  timer = std::move(*made);
  timer->arm(0ns);
  loop.run();
  CHECK(calls == 1);
}

TEST_CASE("signal: calls back on the loop instead of ending the program") {
  Loop loop = make_loop();
  int calls = 0;
  auto signal = Signal::create(loop, SIGUSR1, [&] {
    ++calls;
    loop.stop();
  });
  REQUIRE(signal);
  kill(getpid(), SIGUSR1);
  loop.run();
  CHECK(calls == 1);
}

TEST_CASE("signal: one that cannot be caught is an error with a reason") {
  Loop loop = make_loop();
  auto signal = Signal::create(loop, SIGKILL, [] {});
  REQUIRE_FALSE(signal);
  CHECK(signal.error().message().find("catch signal 9") != std::string::npos);
}
