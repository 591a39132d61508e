// SPDX-License-Identifier: GPL-2.0-only
//
// A bus of the test's own, a service on it as power-profiles-daemon is one, real signals. Without dbus-daemon: skipped.
#include "edge/dbus/power_profiles.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../support/temp_dir.hpp"
#include "base/handle.hpp"
#include "loop/timer.hpp"
#include "loop/watch.hpp"

using namespace vigil;
using edge::PowerProfiles;
using namespace std::chrono_literals;

namespace {

constexpr const char* kNew = "org.freedesktop.UPower.PowerProfiles";
constexpr const char* kOld = "net.hadess.PowerProfiles";

class PrivateBus {
 public:
  PrivateBus() {
    const std::string config = folder_ / "bus.conf";
    std::ofstream(config) << "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
                             "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>session</type>"
                             "<listen>unix:path=" << (folder_ / "bus") << "</listen><auth>EXTERNAL</auth><policy context=\"default\">"
                             "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow receive_sender=\"*\" eavesdrop=\"true\"/><allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>\n";
    const std::string file = "--config-file=" + config;
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::array<const char*, 5> arguments{"dbus-daemon", file.c_str(), "--nofork", "--print-address=1", nullptr};
    if (::posix_spawnp(&pid_, arguments[0], &actions, nullptr, const_cast<char* const*>(arguments.data()), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    std::array<char, 512> line{};
    const auto n = pid_ > 0 ? ::read(ends[0], line.data(), line.size() - 1) : 0;
    ::close(ends[0]);
    if (n > 0) address_.assign(line.data(), std::string_view(line.data(), static_cast<std::size_t>(n)).find('\n'));
  }
  ~PrivateBus() { end(); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // "" where there is no dbus-daemon.
  const std::string& address() const { return address_; }

 private:
  test::TempDir folder_;
  pid_t pid_ = -1;
  std::string address_;
};

class Service {
 public:
  Service(loop::Loop& loop, const std::string& address, const char* name, std::string profile)
      : name_(name), profile_(std::move(profile)) {
    sd_bus* raw = nullptr;
    REQUIRE(sd_bus_new(&raw) >= 0);
    bus_.reset(raw);
    REQUIRE(sd_bus_set_address(raw, address.c_str()) >= 0);
    REQUIRE(sd_bus_set_bus_client(raw, 1) >= 0);
    REQUIRE(sd_bus_start(raw) >= 0);
    static constexpr sd_bus_vtable kTable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("ActiveProfile", "s", get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Version", "s", get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
    };
    path_ = "/" + name_;
    for (auto& c : path_)
      if (c == '.') c = '/';
    REQUIRE(sd_bus_add_object_vtable(raw, nullptr, path_.c_str(), name_.c_str(), kTable, this) >= 0);
    REQUIRE(sd_bus_request_name(raw, name_.c_str(), 0) >= 0);
    auto watch = loop::Watch::create(loop, sd_bus_get_fd(raw), {.readable = true}, [this](loop::Ready) { process(); });
    REQUIRE(watch);
    watch_ = std::move(*watch);
    process();
  }

  void choose(std::string profile) {
    profile_ = std::move(profile);
    // Another property first: it must be passed over.
    sd_bus_emit_properties_changed(bus_.get(), path_.c_str(), name_.c_str(), "Version", "ActiveProfile", nullptr);
    sd_bus_flush(bus_.get());
  }

 private:
  void process() {
    while (sd_bus_process(bus_.get(), nullptr) > 0) {
    }
    sd_bus_flush(bus_.get());
  }
  static int get(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* raw, sd_bus_error*) {
    return sd_bus_message_append(reply, "s", static_cast<Service*>(raw)->profile_.c_str());
  }

  std::string name_, path_, profile_;
  Handle<sd_bus, sd_bus_close_unref> bus_;
  loop::Watch watch_;
};

struct World {
  PrivateBus bus;
  loop::Loop loop = std::move(*loop::Loop::create());
  std::vector<std::optional<std::string>> told;
  std::optional<PowerProfiles> profiles;

  bool begin() {
    if (bus.address().empty()) {
      std::printf("skip power profiles - needs dbus-daemon\n");
      return false;
    }
    auto made = PowerProfiles::create(loop, [this](const auto& profile) {
      told.push_back(profile);
      loop.stop();
    }, bus.address());
    REQUIRE(made);
    profiles.emplace(std::move(*made));
    return true;
  }
  // Until something is told; false when it takes too long.
  bool wait() {
    bool late = false;
    auto timer = loop::Timer::create(loop, [&] {
      late = true;
      loop.stop();
    });
    timer->arm(10s);
    loop.run();
    return !late;
  }
};

}  // namespace

TEST_CASE("power profiles: what was chosen before is asked once, later choices are signals") {
  World world;
  if (world.bus.address().empty()) return (void)world.begin();
  Service service(world.loop, world.bus.address(), kNew, "balanced");
  REQUIRE(world.begin());
  REQUIRE(world.wait());
  CHECK(world.told.back() == "balanced");
  service.choose("power-saver");
  REQUIRE(world.wait());
  CHECK(world.told.back() == "power-saver");
}

TEST_CASE("power profiles: a service that comes later is noticed, under its old name, too, and its end") {
  World world;
  if (!world.begin()) return;
  std::optional<Service> service;
  service.emplace(world.loop, world.bus.address(), kOld, "performance");
  REQUIRE(world.wait());
  CHECK(world.told.back() == "performance");
  service.reset();
  REQUIRE(world.wait());
  CHECK_FALSE(world.told.back());
}

TEST_CASE("power profiles: a bus that ends takes the profile with it") {
  World world;
  if (world.bus.address().empty()) return (void)world.begin();
  std::optional<Service> service;
  service.emplace(world.loop, world.bus.address(), kNew, "performance");
  REQUIRE(world.begin());
  REQUIRE(world.wait());
  service.reset();
  REQUIRE(world.wait());
  service.emplace(world.loop, world.bus.address(), kNew, "balanced");
  REQUIRE(world.wait());
  service.reset();
  world.bus.end();
  REQUIRE(world.wait());
  CHECK_FALSE(world.told.back());
}

TEST_CASE("power profiles: no bus is an error with its reason") {
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  const auto none = PowerProfiles::create(*loop, [](const auto&) {}, "unix:path=/nonexistent/bus");
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == ENOENT);
}
