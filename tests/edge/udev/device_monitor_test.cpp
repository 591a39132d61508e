// SPDX-License-Identifier: GPL-2.0-only
//
// Real events of this kernel: root can ask it to announce a device anew (…/uevent), which changes nothing.
#include "edge/udev/device_monitor.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <string_view>
#include <vector>

#include "loop/timer.hpp"

using namespace vigil;

namespace {

constexpr const char* kCpuUevent = "/sys/devices/system/cpu/cpu0/uevent";
constexpr const char* kNullUevent = "/sys/devices/virtual/mem/null/uevent";

bool ask_for_event(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  constexpr std::string_view kAsk = "change 11111111-2222-3333-4444-555555555555";
  const bool written = ::write(fd, kAsk.data(), kAsk.size()) == static_cast<ssize_t>(kAsk.size());
  ::close(fd);
  return written;
}

bool cannot_ask() { return ::access(kCpuUevent, W_OK) != 0 || ::access(kNullUevent, W_OK) != 0; }

// Runs the loop until `enough` says so, or for two seconds.
template <typename Enough>
void run_until(loop::Loop& loop, Enough enough) {
  bool late = false;
  auto timer = loop::Timer::create(loop, [&] { late = true; });
  REQUIRE(timer);
  timer->arm(std::chrono::seconds(2));
  while (!late && !enough() && loop.run_once(true)) {
  }
}

}  // namespace

TEST_CASE("device monitor: the kernel's announcements arrive with subsystem, action and name, others do not" *
          doctest::skip(cannot_ask())) {
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  std::vector<topology::DeviceEvent> seen;
  auto monitor = edge::DeviceMonitor::create(*loop, [&](const topology::DeviceEvent& event) { seen.push_back(event); }, {"cpu"},
                                             edge::DeviceMonitor::Source::kernel);
  REQUIRE(monitor);
  CHECK_FALSE(monitor->follows_udevd());
  REQUIRE(ask_for_event(kNullUevent));
  REQUIRE(ask_for_event(kCpuUevent));
  run_until(*loop, [&] { return !seen.empty(); });
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].subsystem == "cpu");
  CHECK(seen[0].action == "change");
  CHECK(seen[0].name == "cpu0");
}

TEST_CASE("device monitor: a storm that overruns the socket is told once, and events go on" * doctest::skip(cannot_ask())) {
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  int events = 0, overruns = 0;
  auto monitor = edge::DeviceMonitor::create(
      *loop, [&](const topology::DeviceEvent& event) { event.action == "overrun" ? ++overruns : ++events; }, {"cpu"},
      edge::DeviceMonitor::Source::kernel);
  REQUIRE(monitor);
  // 8 MiB hold some ten thousand, where the limit allows it; the default of 208 KiB some hundred.
  for (int i = 0; i < 20000; ++i) REQUIRE(ask_for_event(kCpuUevent));
  run_until(*loop, [&] { return overruns > 0; });
  CHECK(overruns >= 1);
  CHECK(events >= 0);
  events = 0;
  run_until(*loop, [&] { return false; });
  events = 0;
  REQUIRE(ask_for_event(kCpuUevent));
  run_until(*loop, [&] { return events > 0; });
  CHECK(events == 1);
}

TEST_CASE("device monitor: without udevd the kernel is followed") {
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  auto monitor = edge::DeviceMonitor::create(*loop, [](const topology::DeviceEvent&) {});
  REQUIRE(monitor);
  CHECK(monitor->follows_udevd() == (::access("/run/udev/control", F_OK) == 0));
}
