// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/devices.hpp"

#include <doctest/doctest.h>

#include "support/machine.hpp"

using namespace vigil;
using namespace vigil::topology;
using test::Machine;

namespace {

Devices devices_of(Machine& m) { return read_devices(m.tree(), read_topology(m.tree())); }

const std::string kPci = "sys/bus/pci/devices/";

Machine desktop() {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "8192K").node(0, "0-3", 1000);
  return m;
}

// "start end flags" for BARs of these sizes, in order; 0 is an unused one.
std::string resource(std::initializer_list<std::uint64_t> sizes) {
  std::string out;
  std::uint64_t start = 0xe000000000;
  char line[80];
  for (const auto size : sizes) {
    std::snprintf(line, sizeof line, "0x%016llx 0x%016llx 0x%016x\n", static_cast<unsigned long long>(size ? start : 0),
                  static_cast<unsigned long long>(size ? start + size - 1 : 0), size ? 0x14220c : 0);
    out += line;
    start += size;
  }
  return out;
}

}  // namespace

TEST_CASE("devices: a sleeping NVIDIA card is known from what the kernel has cached") {
  auto m = desktop();
  m.pci("0000:01:00.0", "0x030000", "0x10de", "0x2684").add(kPci + "0000:01:00.0/power_state", "D3cold");
  m.add(kPci + "0000:01:00.0/numa_node", "0").link(kPci + "0000:01:00.0/driver", "../../../../bus/pci/drivers/nvidia");
  m.add(kPci + "0000:01:00.0/resource", resource({16 << 20, 32ULL << 30, 0, 32 << 20}));
  const auto gpu = devices_of(m).gpus.at(0);
  CHECK(gpu.address == "0000:01:00.0");
  CHECK(gpu.vendor == "nvidia");
  CHECK(gpu.driver == "nvidia");
  CHECK(gpu.node == 0);
  CHECK(gpu.power == PowerState::d3cold);
  CHECK(gpu.rebar == true);
  CHECK_FALSE(gpu.passthrough);
  CHECK_FALSE(gpu.display_only);
  SUBCASE("a BAR of 256 MiB is the classic window") {
    m.add(kPci + "0000:01:00.0/resource", resource({16 << 20, 256 << 20, 0, 32 << 20}));
    CHECK(devices_of(m).gpus.at(0).rebar == false);
  }
  SUBCASE("no BAR, no answer") {
    m.add(kPci + "0000:01:00.0/resource", resource({0, 0, 0}));
    CHECK_FALSE(devices_of(m).gpus.at(0).rebar);
    m.add(kPci + "0000:01:00.0/resource", "what is this");
    CHECK_FALSE(devices_of(m).gpus.at(0).rebar);
  }
}

TEST_CASE("devices: an AMD card's visible memory tells SAM, also when a BAR of 256 MiB holds all there is") {
  auto m = desktop();
  m.pci("0000:03:00.0", "0x030000", "0x1002", "0x744c").add(kPci + "0000:03:00.0/resource", resource({256 << 20}));
  CHECK(devices_of(m).gpus.at(0).rebar == false);
  m.add(kPci + "0000:03:00.0/mem_info_vram_total", "268435456").add(kPci + "0000:03:00.0/mem_info_vis_vram_total", "268435456");
  CHECK(devices_of(m).gpus.at(0).rebar == true);
}

TEST_CASE("devices: ReBAR is no question for an Intel GPU inside the processor, but for a card") {
  auto m = desktop();
  m.pci("0000:00:02.0", "0x030000", "0x8086", "0xa780").add(kPci + "0000:00:02.0/resource", resource({16 << 20, 0, 256 << 20}));
  m.pci("0000:03:00.0", "0x030000", "0x8086", "0x56a0").add(kPci + "0000:03:00.0/resource", resource({16 << 20, 0, 16ULL << 30}));
  const auto devices = devices_of(m);
  CHECK_FALSE(devices.gpus.at(0).rebar);
  CHECK(devices.gpus.at(1).rebar == true);
}

TEST_CASE("devices: a card for a virtual machine, and what only shows a picture") {
  auto m = desktop();
  m.pci("0000:01:00.0", "0x030000", "0x10de", "0x2684").link(kPci + "0000:01:00.0/driver", "../../../bus/pci/drivers/vfio-pci");
  m.pci("0000:02:00.0", "0x030000", "0x1a03", "0x2000").link(kPci + "0000:02:00.0/driver", "../../../bus/pci/drivers/ast");
  m.pci("0000:04:00.0", "0x030000", "0x1002", "0x515e");
  m.pci("0000:05:00.0", "0x038000", "0x1234", "0x1111");
  m.pci("0000:06:00.0", "0x030000", "0x1ed5", "0x0222");
  const auto devices = devices_of(m);
  REQUIRE(devices.gpus.size() == 5);
  CHECK(devices.gpus[0].passthrough);
  CHECK_FALSE(devices.gpus[0].display_only);
  CHECK(devices.gpus[1].display_only);
  CHECK(devices.gpus[1].vendor == "aspeed");
  CHECK(devices.gpus[2].display_only);  // an ES1000 is AMD's by vendor, a management controller's by use
  CHECK(devices.gpus[3].display_only);
  CHECK_FALSE(devices.gpus[4].display_only);
  CHECK(devices.gpus[4].vendor == "0x1ed5");
  CHECK(devices.notes.size() == 1);
}

TEST_CASE("devices: accelerators without a display count as GPUs, network cards and NPUs do not") {
  auto m = desktop();
  m.pci("0000:01:00.0", "0x030200", "0x10de", "0x2335").pci("0000:02:00.0", "0x120000", "0x1002", "0x74a1");
  m.pci("0000:03:00.0", "0x120000", "0x8086", "0x7d1d").pci("0000:04:00.0", "0x020000", "0x15b3", "0x1021");
  m.pci("0000:01:00.4", "0x030200", "0x10de", "0x2335").link(kPci + "0000:01:00.4/physfn", "../0000:01:00.0");
  const auto devices = devices_of(m);
  REQUIRE(devices.gpus.size() == 3);
  CHECK(devices.gpus[1].address == "0000:01:00.4");
  CHECK(devices.gpus[1].virtual_function);
  CHECK(devices.gpus[2].vendor == "amd");
}

TEST_CASE("devices: kernels before 5.12 tell only that a device is active") {
  auto m = desktop();
  m.pci("0000:01:00.0", "0x030000", "0x1002", "0x744c").add(kPci + "0000:01:00.0/power/runtime_status", "suspended");
  CHECK(devices_of(m).gpus.at(0).power == PowerState::unknown);  // D3hot or D3cold: not told
  m.add(kPci + "0000:01:00.0/power/runtime_status", "active");
  CHECK(devices_of(m).gpus.at(0).power == PowerState::d0);
}

TEST_CASE("devices: power comes from the mains, unless the machine's own battery empties") {
  auto m = desktop();
  const std::string supply = "sys/class/power_supply/";
  CHECK(devices_of(m).power.source == PowerSource::unknown);
  m.add(supply + "mouse/type", "Battery").add(supply + "mouse/scope", "Device").add(supply + "mouse/status", "Discharging");
  CHECK(devices_of(m).power.source == PowerSource::unknown);
  m.add(supply + "BAT0/type", "Battery").add(supply + "BAT0/status", "Discharging");
  CHECK(devices_of(m).power.source == PowerSource::battery);
  m.add(supply + "ucsi/type", "USB").add(supply + "ucsi/online", "0").add(supply + "AC/type", "Mains").add(supply + "AC/online", "1");
  CHECK(devices_of(m).power.source == PowerSource::ac);
  m.add(supply + "AC/online", "0");
  CHECK(devices_of(m).power.source == PowerSource::battery);
  m.add("sys/firmware/acpi/platform_profile", "balanced");
  CHECK(devices_of(m).power.platform_profile == "balanced");
}
