// SPDX-License-Identifier: GPL-2.0-only
//
// A machine on a disk that changes under the watch; announcements are made by hand.
#include "app/machine/machine_watch.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/clock.hpp"
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
        write(file, memory.read(file).value_or(""));
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
  DeviceChanges device_changes;
  std::vector<app::Burst> bursts;
  std::string module;
};

app::MachineWatch::Callbacks record(Seen& seen) {
  return {.device = [&](const DeviceEvent&) { ++seen.devices_announced; },
          .topology =
              [&](const Topology&, const TopologyChanges& changes) {
                ++seen.topology;
                seen.changes = changes;
              },
          .devices =
              [&](const Devices&, const DeviceChanges& changes) {
                ++seen.devices;
                seen.device_changes = changes;
              },
          .scheduler = [&] { ++seen.scheduler; },
          .modules = [&](const std::string& name) { seen.module = name; },
          .settled = [&](const app::Burst& burst) { seen.bursts.push_back(burst); }};
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
  REQUIRE(seen.bursts.size() == 1);
  CHECK(seen.bursts[0].events == 1000);
  CHECK(seen.bursts[0].changed);
  CHECK(monotonic_now() - seen.bursts[0].last_ns < 10'000'000'000);
}

TEST_CASE("machine watch: cores that firmware ranks anew are read at its word; a lower limit for a while is no new rank") {
  const DiskMachine disk("ryzen7900x3d");
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  Seen seen;
  auto watch = app::MachineWatch::create(*loop, disk.options(), record(seen));
  REQUIRE(watch);
  CHECK((*watch)->topology().find_cpu(0)->rank == 196);
  disk.write("sys/devices/system/cpu/cpufreq/policy0/amd_pstate_prefcore_ranking", "240\n");
  (*watch)->announce({"acpi", "notify", "processor:LNXCPU:00", "0x80"});
  run_for(*loop, std::chrono::milliseconds(60));
  CHECK((*watch)->looks() == 1);
  for (int cpu = 0; cpu < 24; ++cpu) (*watch)->announce({"acpi", "notify", "processor:LNXCPU:00", "0x85"});
  run_for(*loop, std::chrono::milliseconds(100));
  CHECK((*watch)->looks() == 2);
  CHECK(seen.topology == 1);
  CHECK((*watch)->topology().find_cpu(0)->rank == 240);
  CHECK_FALSE(seen.changes.changed.empty());
  CHECK_FALSE(seen.changes.llcs);
}

TEST_CASE("machine watch: capacities are read again when hardware feedback tells of other ones") {
  const DiskMachine disk("alderlake-4p8e");
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  Seen seen;
  auto watch = app::MachineWatch::create(*loop, disk.options(), record(seen));
  REQUIRE(watch);
  disk.write("sys/devices/system/cpu/cpu8/cpu_capacity", "512\n");
  (*watch)->announce({"thermal", "cpu_capability", "", ""});
  run_for(*loop, std::chrono::milliseconds(100));
  CHECK(seen.topology == 1);
  CHECK((*watch)->topology().find_cpu(8)->capacity == 512);
  CHECK(seen.changes.changed.to_string() == "8");
}

TEST_CASE("machine watch: what does not fit together is looked at once more, without an announcement") {
  const DiskMachine disk("cxl-server");
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  Seen seen;
  auto watch = app::MachineWatch::create(*loop, disk.options(), record(seen));
  REQUIRE(watch);
  (*watch)->look_again({.topology = true});
  run_for(*loop, std::chrono::milliseconds(100));
  CHECK((*watch)->looks() == 2);
  REQUIRE(seen.bursts.size() == 1);
  CHECK(seen.bursts[0].events == 0);
  CHECK(seen.bursts[0].last_ns == 0);
  CHECK(seen.bursts[0].doubt.topology);
  CHECK_FALSE(seen.bursts[0].changed);
  CHECK(seen.devices_announced == 0);
}

TEST_CASE("machine watch: only what is announced is read again") {
  const DiskMachine disk("cxl-server");
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  Seen seen;
  auto watch = app::MachineWatch::create(*loop, disk.options(), record(seen));
  REQUIRE(watch);
  disk.write("sys/devices/system/cpu/online", "0-6\n");
  disk.write("sys/class/power_supply/AC/online", "0\n");
  disk.write("sys/class/power_supply/BAT0/status", "Discharging\n");
  disk.write("sys/devices/pci0000:28/0000:28:01.0/0000:2a:00.0/power_state", "D0\n");
  (*watch)->announce({"power_supply", "change", "AC", ""});
  run_for(*loop, std::chrono::milliseconds(100));
  CHECK(seen.topology == 0);
  CHECK(seen.devices == 1);
  CHECK(seen.device_changes.power);
  CHECK_FALSE(seen.device_changes.gpus);
  (*watch)->announce({"drm", "change", "card0", ""});
  run_for(*loop, std::chrono::milliseconds(100));
  CHECK(seen.device_changes.gpus);
  CHECK(seen.topology == 0);
  // A CPU that goes takes its place among those near CXL memory with it, although nothing was announced of that.
  (*watch)->announce({"cpu", "offline", "cpu7", ""});
  run_for(*loop, std::chrono::milliseconds(100));
  CHECK(seen.topology == 1);
  CHECK(seen.device_changes.cxl);
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
  CHECK(seen.bursts.size() == 1);  // of the scheduler: a module is told at once, and there is nothing to look at
  CHECK_FALSE(seen.bursts[0].changed);
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
