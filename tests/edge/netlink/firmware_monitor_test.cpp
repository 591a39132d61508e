// SPDX-License-Identifier: GPL-2.0-only
#include "edge/netlink/firmware_monitor.hpp"

#include <doctest/doctest.h>
#include <linux/genetlink.h>
#include <linux/thermal.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "base/handle.hpp"
#include "core/topology/device_event.hpp"

using namespace vigil;
using edge::parse_acpi_message;
using edge::parse_thermal_message;

namespace {

using Message = Handle<nl_msg, nlmsg_free>;

Message make(std::uint8_t command) {
  Message message(nlmsg_alloc());
  genlmsg_put(message.get(), 0, 0, 24, 0, 0, command, 1);
  return message;
}

std::vector<std::byte> bytes_of(const Message& message) {
  const auto* header = nlmsg_hdr(message.get());
  const auto* first = reinterpret_cast<const std::byte*>(header);
  return {first, first + header->nlmsg_len};
}

// As drivers/acpi/event.c lays it out.
struct AcpiBody {
  char device_class[20] = "";
  char bus_id[15] = "";
  std::uint32_t type = 0, data = 0;
};

std::vector<std::byte> acpi_message(const char* device_class, const char* bus_id, std::uint32_t type) {
  AcpiBody body;
  std::memcpy(body.device_class, device_class, std::min(std::strlen(device_class), sizeof body.device_class));
  std::memcpy(body.bus_id, bus_id, std::min(std::strlen(bus_id), sizeof body.bus_id));
  body.type = type;
  auto message = make(1);
  nla_put(message.get(), 1, sizeof body, &body);
  return bytes_of(message);
}

std::vector<std::byte> capability_message() {
  auto message = make(THERMAL_GENL_EVENT_CPU_CAPABILITY_CHANGE);
  auto* list = nla_nest_start(message.get(), THERMAL_GENL_ATTR_CPU_CAPABILITY);
  for (std::uint32_t cpu : {3U, 4U}) {
    nla_put_u32(message.get(), THERMAL_GENL_ATTR_CPU_CAPABILITY_ID, cpu);
    nla_put_u32(message.get(), THERMAL_GENL_ATTR_CPU_CAPABILITY_PERFORMANCE, 500 + cpu);
    nla_put_u32(message.get(), THERMAL_GENL_ATTR_CPU_CAPABILITY_EFFICIENCY, 600 + cpu);
  }
  nla_nest_end(message.get(), list);
  return bytes_of(message);
}

}  // namespace

TEST_CASE("firmware: a processor whose highest performance changed casts doubt on the ranks") {
  const auto event = parse_acpi_message(acpi_message("processor", "LNXCPU:00", 0x85));
  REQUIRE(event);
  CHECK(event->event == topology::DeviceEvent{"acpi", "notify", "processor:LNXCPU:00", "0x85"});
  CHECK(topology::doubt_of(event->event).topology);
  CHECK(topology::doubt_of(parse_acpi_message(acpi_message("ac_adapter", "ACPI0003:00", 0x80))->event).power);
}

TEST_CASE("firmware: a name that fills its field has no end mark, and is not read beyond") {
  const auto event = parse_acpi_message(acpi_message("01234567890123456789", "012345678901234", 1));
  REQUIRE(event);
  CHECK(event->event.name == "01234567890123456789:012345678901234");
}

TEST_CASE("firmware: hardware feedback names CPUs and what they can do") {
  const auto event = parse_thermal_message(capability_message());
  REQUIRE(event);
  CHECK(event->event.action == "cpu_capability");
  CHECK(event->capabilities == std::vector<edge::CpuCapability>{{3, 503, 603}, {4, 504, 604}});
}

TEST_CASE("firmware: trip points are told by zone, samples are nothing") {
  auto message = make(THERMAL_GENL_EVENT_TZ_TRIP_UP);
  nla_put_u32(message.get(), THERMAL_GENL_ATTR_TZ_ID, 7);
  CHECK(parse_thermal_message(bytes_of(message))->event == topology::DeviceEvent{"thermal", "trip_up", "thermal_zone7", ""});
  CHECK_FALSE(parse_thermal_message(bytes_of(make(1))));
}

TEST_CASE("firmware: messages that are cut or changed are refused or read within their bounds") {
  for (const auto& whole : {acpi_message("processor", "LNXCPU:00", 0x85), capability_message()}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      // A copy of exactly that size: a sanitizer sees every step beyond.
      const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK_FALSE(parse_acpi_message(cut));
      CHECK_FALSE(parse_thermal_message(cut));
    }
    std::mt19937 random(20261122);
    for (int i = 0; i < 20000; ++i) {
      auto changed = whole;
      for (int k = 0; k < 3; ++k) changed[random() % changed.size()] = static_cast<std::byte>(random());
      (void)parse_acpi_message(changed);
      if (const auto event = parse_thermal_message(changed)) CHECK(event->capabilities.size() <= whole.size());
    }
  }
}

TEST_CASE("firmware: a kernel without the families is no error") {
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  const auto monitor = edge::FirmwareMonitor::create(*loop, [](const edge::FirmwareEvent&) {}, true);
  if (monitor)
    CHECK(monitor->listening().find("nothing") == std::string::npos);
  else
    CHECK(monitor.error().message().starts_with("generic netlink"));
}
