// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/changes.hpp"

#include <doctest/doctest.h>

#include "core/topology/capability_filter.hpp"
#include "core/topology/device_event.hpp"
#include "support/machine.hpp"

using namespace vigil;
using namespace vigil::topology;
using test::Machine;

namespace {

Machine machine(const std::string& online = "0-3") {
  Machine m;
  m.cpus(online).cores(online).cache(3, online, "16384K", 0).node(0, online, 1000, "10");
  m.add("sys/devices/system/cpu/present", "0-3");
  return m;
}

constexpr std::uint64_t kMs = 1'000'000;

}  // namespace

TEST_CASE("changes: the same machine twice is no change") {
  auto m = machine();
  const auto topology = read_topology(m.tree());
  CHECK(diff(topology, read_topology(m.tree())).none());
  CHECK(diff(topology, topology).sentences.empty());
  CHECK(diff(read_devices(m.tree(), topology), read_devices(m.tree(), topology)).none());
}

TEST_CASE("changes: a CPU that leaves changes its cache's members and nothing of the other CPUs") {
  auto before = machine(), after = machine("0-2");
  const auto changes = diff(read_topology(before.tree()), read_topology(after.tree()));
  CHECK(changes.went.to_string() == "3");
  CHECK(changes.came.empty());
  CHECK(changes.changed.empty());
  CHECK(changes.llcs);
  CHECK(changes.sentences == std::vector<std::string>{"CPU 3 went off line"});
  CHECK(diff(read_topology(after.tree()), read_topology(before.tree())).came.to_string() == "3");
}

TEST_CASE("changes: a new ranking names the CPUs it concerns, and leaves the caches alone") {
  auto before = machine();
  before.perf("0-1", 200).perf("2-3", 190);
  auto after = machine();
  after.perf("0-1", 200).perf("2-3", 210);
  const auto changes = diff(read_topology(before.tree()), read_topology(after.tree()));
  CHECK(changes.changed.to_string() == "2-3");
  CHECK_FALSE(changes.llcs);
  CHECK_FALSE(changes.nodes);
  CHECK(changes.sentences == std::vector<std::string>{"firmware ranks CPUs 2-3 anew"});
}

TEST_CASE("changes: nodes, GPUs, power come and go in sentences") {
  auto before = machine(), after = machine();
  after.node(1, "", 500, "20 10").add("sys/devices/system/node/node0/distance", "10 20");
  before.pci("0000:01:00.0", "0x030000", "0x10de", "0x2684").link("sys/bus/pci/devices/0000:01:00.0/driver", "../nvidia");
  after.pci("0000:01:00.0", "0x030000", "0x10de", "0x2684").link("sys/bus/pci/devices/0000:01:00.0/driver", "../vfio-pci");
  after.pci("0000:02:00.0", "0x030000", "0x1002", "0x744c");
  after.add("sys/class/power_supply/AC/type", "Mains").add("sys/class/power_supply/AC/online", "1");
  const auto a = read_topology(before.tree()), b = read_topology(after.tree());
  CHECK(diff(a, b).nodes);
  CHECK(diff(a, b).sentences == std::vector<std::string>{"node 1 (memory_only) came"});
  CHECK(diff(b, a).sentences == std::vector<std::string>{"node 1 is gone"});
  const auto devices = diff(read_devices(before.tree(), a), read_devices(after.tree(), b));
  CHECK(devices.gpus);
  CHECK(devices.power);
  CHECK_FALSE(devices.cxl);
  CHECK(devices.sentences == std::vector<std::string>{"the GPU 0000:01:00.0 is now held for a virtual machine",
                                                      "the GPU 0000:02:00.0 (amd) came", "power is from the mains"});
}

TEST_CASE("events: each casts doubt on what it can have changed, and no more") {
  CHECK(doubt_of({"cpu", "offline", "cpu3", ""}) == Doubt{.topology = true});
  CHECK(doubt_of({"pci", "bind", "0000:01:00.0", "vfio-pci"}) == Doubt{.gpus = true});
  CHECK(doubt_of({"power_supply", "change", "AC", ""}) == Doubt{.power = true});
  CHECK(doubt_of({"memory", "online", "memory32", ""}) == Doubt{.topology = true, .cxl = true});
  CHECK(doubt_of({"thermal", "cpu_capability", "", ""}) == Doubt{.topology = true});
  CHECK_FALSE(doubt_of({"thermal", "trip_up", "thermal_zone0", ""}).any());
  CHECK(doubt_of({"cxl", "add", "mem0", ""}) == Doubt{.topology = true, .cxl = true});
  CHECK(doubt_of({"sched_ext", "remove", "root", "other"}) == Doubt{.scheduler = true});
  CHECK(doubt_of({"acpi", "notify", "processor:LNXCPU:00", "0x85"}) == Doubt{.topology = true});
  CHECK_FALSE(doubt_of({"acpi", "notify", "processor:LNXCPU:00", "0x80"}).any());
  CHECK_FALSE(doubt_of({"acpi", "notify", "button/power:PBTN", "0x80"}).any());
  CHECK_FALSE(doubt_of({"block", "add", "sda", ""}).any());
  CHECK(doubt_of({"pci", "overrun", "", ""}).topology);
}

TEST_CASE("gatherer: a burst is one look, shortly after its last event; a device that flaps for ever is looked at all the same") {
  Gatherer gatherer(40 * kMs, 400 * kMs);
  CHECK_FALSE(gatherer.pending());
  CHECK(gatherer.add({.topology = true}, 1000 * kMs) == 1040 * kMs);
  CHECK(gatherer.add({.gpus = true}, 1020 * kMs) == 1060 * kMs);
  CHECK(gatherer.add({}, 1050 * kMs) == 1060 * kMs);
  CHECK(gatherer.take() == Doubt{.topology = true, .gpus = true});
  CHECK_FALSE(gatherer.pending());
  int looks = 0;
  for (std::uint64_t now = 2000 * kMs; now < 12'000 * kMs; now += 10 * kMs) {  // 1,000 events
    gatherer.add({.topology = true}, now);
    if (now + 10 * kMs >= gatherer.due_ns()) {
      gatherer.take();
      ++looks;
    }
  }
  CHECK(looks == 25);
}

TEST_CASE("hardware feedback: small changes and first words are no news; a twentieth of the scale is, and a core that is parked") {
  CapabilityFilter filter;
  CHECK_FALSE(filter.matters(0, 800));
  CHECK_FALSE(filter.matters(0, 830));
  CHECK_FALSE(filter.matters(0, 770));
  CHECK(filter.matters(0, 740));
  CHECK_FALSE(filter.matters(0, 780));  // from what was last found to matter, so that a slow drift is noticed, too
  CHECK(filter.matters(0, 800));
  CHECK_FALSE(filter.matters(1, 20));
  CHECK(filter.matters(1, 0));
  CHECK(filter.matters(1, 10));
}
