// SPDX-License-Identifier: GPL-2.0-only
//
// A machine on a disk that changes under the watch; announcements are made by hand.
#include "app/machine/machine_watch.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "loop/timer.hpp"
#include "support/machine.hpp"

using namespace vigil;
using namespace vigil::topology;
namespace fs = std::filesystem;

namespace {

class DiskMachine {
 public:
  explicit DiskMachine(const std::string& name) {
    char path[] = "/tmp/vigil-machine-XXXXXX";
    REQUIRE(::mkdtemp(path));
    path_ = path;
    const auto memory = test::load_machine(name);
    for (const auto& file : memory.paths()) {
      fs::create_directories(fs::path(path_ / file).parent_path());
      if (const auto target = memory.link(file))
        fs::create_symlink(*target, path_ / file);
      else
        write(file, *memory.read(file));
    }
  }
  ~DiskMachine() { fs::remove_all(path_); }
  void write(const std::string& file, const std::string& contents) const { std::ofstream(path_ / file, std::ios::binary) << contents; }
  app::MachineWatchOptions options() const {
    return {.sysfs_root = path_ / "sys", .proc_root = path_ / "proc", .quiet = std::chrono::milliseconds(20), .patience = std::chrono::milliseconds(200)};
  }

 private:
  fs::path path_;
};

void run_for(loop::Loop& loop, std::chrono::milliseconds time) {
  bool over = false;
  auto timer = loop::Timer::create(loop, [&] { over = true; });
  REQUIRE(timer);
  timer->arm(time);
  while (!over && loop.run_once(true)) {
  }
}

struct Seen {
  int devices_announced = 0, topology = 0, devices = 0, scheduler = 0;
  TopologyChanges changes;
  std::string module;
};

app::MachineWatch::Callbacks record(Seen& seen) {
  return {.device = [&](const DeviceEvent&) { ++seen.devices_announced; },
          .topology =
              [&](const Topology&, const TopologyChanges& changes) {
                ++seen.topology;
                seen.changes = changes;
              },
          .devices = [&](const Devices&, const DeviceChanges&) { ++seen.devices; },
          .scheduler = [&] { ++seen.scheduler; },
          .modules = [&](const std::string& name) { seen.module = name; }};
}

}  // namespace

TEST_CASE("machine watch: a thousand announcements are one look, and one change is told once") {
  const DiskMachine disk("ryzen7900x3d");
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  Seen seen;
  auto watch = app::MachineWatch::create(*loop, disk.options(), record(seen));
  REQUIRE(watch);
  CHECK((*watch)->topology().vcache_cpus().to_string() == "0-5,12-17");
  CHECK((*watch)->looks() == 1);
  disk.write("sys/devices/system/cpu/online", "0-22\n");
  for (int i = 0; i < 1000; ++i) (*watch)->announce({"cpu", i % 2 ? "online" : "offline", "cpu23", ""});
  run_for(*loop, std::chrono::milliseconds(150));
  CHECK(seen.devices_announced == 1000);
  CHECK((*watch)->looks() == 2);
  CHECK(seen.topology == 1);
  CHECK(seen.devices == 0);
  CHECK(seen.changes.went.to_string() == "23");
  CHECK((*watch)->topology().online().to_string() == "0-22");
}

TEST_CASE("machine watch: the same machine twice is no change") {
  const DiskMachine disk("qemu-cxl-1node");
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  Seen seen;
  auto watch = app::MachineWatch::create(*loop, disk.options(), record(seen));
  REQUIRE(watch);
  (*watch)->announce({"udev", "overrun", "", ""});
  run_for(*loop, std::chrono::milliseconds(100));
  CHECK((*watch)->looks() == 2);
  CHECK(seen.topology == 0);
  CHECK(seen.devices == 0);
  CHECK(seen.scheduler == 1);
}

TEST_CASE("machine watch: what casts no doubt costs no look; modules and schedulers are passed on") {
  const DiskMachine disk("alderlake-4p8e");
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  Seen seen;
  auto watch = app::MachineWatch::create(*loop, disk.options(), record(seen));
  REQUIRE(watch);
  (*watch)->announce({"block", "add", "sda", ""});
  (*watch)->announce({"acpi", "notify", "button/power:PBTN", "0x80"});
  (*watch)->announce({"module", "add", "amdgpu", ""});
  (*watch)->announce({"sched_ext", "remove", "root", "other"});
  run_for(*loop, std::chrono::milliseconds(100));
  CHECK((*watch)->looks() == 1);
  CHECK(seen.module == "amdgpu");
  CHECK(seen.scheduler == 1);
}

TEST_CASE("machine watch: a root that is not there is an error") {
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  CHECK_FALSE(app::MachineWatch::create(*loop, {.sysfs_root = "/nowhere/sys", .proc_root = ""}, {}));
}

TEST_CASE("machine watch: on the machine itself it listens, and says what it cannot follow") {
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  auto watch = app::MachineWatch::create(*loop, {}, {});
  REQUIRE(watch);
  CHECK_FALSE((*watch)->topology().cpus.empty());
  for (const auto& sentence : (*watch)->degraded()) CHECK(sentence.size() > 20);
}
