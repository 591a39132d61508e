// SPDX-License-Identifier: GPL-2.0-only
#include "edge/netlink/firmware_monitor.hpp"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/thermal.h>
#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/handle.hpp"
#include "loop/watch.hpp"

namespace vigil::edge {

namespace {

// drivers/acpi/event.c: not in any header for programs.
constexpr int kAcpiAttributeEvent = 1;
struct AcpiMessage {
  std::array<char, 20> device_class;
  std::array<char, 15> bus_id;
  std::uint32_t type;
  std::uint32_t data;
};
static_assert(sizeof(AcpiMessage) == 44);

constexpr int kReceiveBuffer = 256 * 1024;

template <std::size_t N>
std::string bounded(const std::array<char, N>& text) {
  return {text.data(), ::strnlen(text.data(), N)};
}

std::string hex(std::uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%02x", value);
  return text.data();
}

// The generic netlink header of a whole, well-formed message, or null.
genlmsghdr* header_of(std::span<const std::byte> message) {
  // libnl takes pointers that are not const; nothing is written.
  auto* header = reinterpret_cast<nlmsghdr*>(const_cast<std::byte*>(message.data()));
  if (message.size() < sizeof(nlmsghdr) || header->nlmsg_len > message.size()) return nullptr;
  return genlmsg_valid_hdr(header, 0) ? static_cast<genlmsghdr*>(nlmsg_data(header)) : nullptr;
}

}  // namespace

std::optional<FirmwareEvent> parse_acpi_message(std::span<const std::byte> message) {
  auto* header = header_of(message);
  if (!header) return std::nullopt;
  auto* attribute = nla_find(genlmsg_attrdata(header, 0), genlmsg_attrlen(header, 0), kAcpiAttributeEvent);
  if (!attribute || nla_len(attribute) < static_cast<int>(sizeof(AcpiMessage))) return std::nullopt;
  AcpiMessage acpi;
  std::memcpy(&acpi, nla_data(attribute), sizeof acpi);
  FirmwareEvent out;
  out.event = {.subsystem = "acpi", .action = "notify", .name = bounded(acpi.device_class) + ":" + bounded(acpi.bus_id),
               .detail = hex(acpi.type)};
  return out;
}

std::optional<FirmwareEvent> parse_thermal_message(std::span<const std::byte> message) {
  auto* header = header_of(message);
  if (!header) return std::nullopt;
  FirmwareEvent out;
  out.event.subsystem = "thermal";
  if (header->cmd == THERMAL_GENL_EVENT_TZ_TRIP_UP || header->cmd == THERMAL_GENL_EVENT_TZ_TRIP_DOWN) {
    out.event.action = header->cmd == THERMAL_GENL_EVENT_TZ_TRIP_UP ? "trip_up" : "trip_down";
    auto* zone = nla_find(genlmsg_attrdata(header, 0), genlmsg_attrlen(header, 0), THERMAL_GENL_ATTR_TZ_ID);
    if (zone && nla_len(zone) >= 4) out.event.name = "thermal_zone" + std::to_string(nla_get_u32(zone));
    return out;
  }
  if (header->cmd != THERMAL_GENL_EVENT_CPU_CAPABILITY_CHANGE) return std::nullopt;
  out.event.action = "cpu_capability";
  auto* list = nla_find(genlmsg_attrdata(header, 0), genlmsg_attrlen(header, 0), THERMAL_GENL_ATTR_CPU_CAPABILITY);
  if (!list) return std::nullopt;
  // One flat run of id, performance, efficiency, id, …
  int left = nla_len(list);
  for (auto* entry = static_cast<nlattr*>(nla_data(list)); nla_ok(entry, left); entry = nla_next(entry, &left)) {
    if (nla_len(entry) < 4) continue;
    const auto value = nla_get_u32(entry);
    if (nla_type(entry) == THERMAL_GENL_ATTR_CPU_CAPABILITY_ID)
      out.capabilities.push_back({.cpu = value});
    else if (!out.capabilities.empty() && nla_type(entry) == THERMAL_GENL_ATTR_CPU_CAPABILITY_PERFORMANCE)
      out.capabilities.back().performance = value;
    else if (!out.capabilities.empty() && nla_type(entry) == THERMAL_GENL_ATTR_CPU_CAPABILITY_EFFICIENCY)
      out.capabilities.back().efficiency = value;
  }
  return out;
}

struct FirmwareMonitor::State {
  Callback callback;
  Handle<nl_sock, nl_socket_free> socket;
  int acpi_family = -1, thermal_family = -1;
  loop::Watch watch;  // after the descriptor's owner

  void on_message(nl_msg* message) {
    const auto* header = nlmsg_hdr(message);
    const std::span bytes(reinterpret_cast<const std::byte*>(header), header->nlmsg_len);
    std::optional<FirmwareEvent> event;
    if (header->nlmsg_type == acpi_family) event = parse_acpi_message(bytes);
    if (header->nlmsg_type == thermal_family) event = parse_thermal_message(bytes);
    if (event) callback(*event);
  }

  void on_ready(loop::Ready ready) {
    errno = 0;
    const int error = nl_recvmsgs_default(socket.get());
    if (error == -NLE_NOMEM && errno == ENOBUFS)
      callback({.event = {.subsystem = "acpi", .action = "overrun", .name = "", .detail = ""}, .capabilities = {}});
    // The loop stops watching a socket that reports an error, and an overrun is one.
    if (ready.error) (void)watch.set({.readable = true});
  }
};

FirmwareMonitor::FirmwareMonitor(std::unique_ptr<State> state) : state_(std::move(state)) {}
FirmwareMonitor::FirmwareMonitor(FirmwareMonitor&&) noexcept = default;
FirmwareMonitor& FirmwareMonitor::operator=(FirmwareMonitor&&) noexcept = default;
FirmwareMonitor::~FirmwareMonitor() = default;

std::string FirmwareMonitor::listening() const {
  std::string out = state_->acpi_family >= 0 ? "acpi" : "";
  if (state_->thermal_family >= 0) out += out.empty() ? "thermal" : " and thermal";
  return out;
}

Result<FirmwareMonitor> FirmwareMonitor::create(loop::Loop& loop, Callback callback, bool thermal) {
  auto state = std::make_unique<State>();
  state->callback = std::move(callback);
  state->socket.reset(nl_socket_alloc());
  if (!state->socket) return fail("generic netlink: out of memory");
  auto* socket = state->socket.get();
  nl_socket_disable_seq_check(socket);
  nl_socket_disable_auto_ack(socket);
  if (const int error = genl_connect(socket); error < 0) return fail(std::string("generic netlink: ") + nl_geterror(error));
  (void)nl_socket_set_buffer_size(socket, kReceiveBuffer, 0);

  const auto join = [socket](const char* family, const char* group) {
    const int number = genl_ctrl_resolve_grp(socket, family, group);
    if (number < 0 || nl_socket_add_membership(socket, number) < 0) return -1;
    return genl_ctrl_resolve(socket, family);
  };
  state->acpi_family = join("acpi_event", "acpi_mc_group");
  if (thermal) state->thermal_family = join("thermal", "event");

  const auto on_valid = [](nl_msg* message, void* raw) -> int {
    static_cast<State*>(raw)->on_message(message);
    return NL_OK;
  };
  nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, on_valid, state.get());
  if (nl_socket_set_nonblocking(socket) < 0) return fail("generic netlink: cannot be made non-blocking");
  auto watch = loop::Watch::create(loop, nl_socket_get_fd(socket), {.readable = true},
                                   [raw = state.get()](loop::Ready ready) { raw->on_ready(ready); });
  if (!watch) return fail(std::move(watch).error());
  state->watch = std::move(*watch);
  return FirmwareMonitor(std::move(state));
}

}  // namespace vigil::edge
