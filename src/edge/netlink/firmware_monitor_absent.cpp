// SPDX-License-Identifier: GPL-2.0-only
//
// Built where libnl is missing: nothing is followed, and create() says so.
#include "edge/netlink/firmware_monitor.hpp"

namespace vigil::edge {

struct FirmwareMonitor::State {};

FirmwareMonitor::FirmwareMonitor(std::unique_ptr<State> state) : state_(std::move(state)) {}
FirmwareMonitor::FirmwareMonitor(FirmwareMonitor&&) noexcept = default;
FirmwareMonitor& FirmwareMonitor::operator=(FirmwareMonitor&&) noexcept = default;
FirmwareMonitor::~FirmwareMonitor() = default;
std::string FirmwareMonitor::listening() const { return ""; }

std::optional<FirmwareEvent> parse_acpi_message(std::span<const std::byte>) { return std::nullopt; }
std::optional<FirmwareEvent> parse_thermal_message(std::span<const std::byte>) { return std::nullopt; }

Result<FirmwareMonitor> FirmwareMonitor::create(loop::Loop&, Callback, bool) {
  return fail("this program was built without libnl");
}

}  // namespace vigil::edge
