// SPDX-License-Identifier: GPL-2.0-only
//
// Built where libudev is missing: nothing is followed, and create() says so.
#include "edge/udev/device_monitor.hpp"

namespace vigil::edge {

struct DeviceMonitor::State {};

DeviceMonitor::DeviceMonitor(std::unique_ptr<State> state) : state_(std::move(state)) {}
DeviceMonitor::DeviceMonitor(DeviceMonitor&&) noexcept = default;
DeviceMonitor& DeviceMonitor::operator=(DeviceMonitor&&) noexcept = default;
DeviceMonitor::~DeviceMonitor() = default;
bool DeviceMonitor::follows_udevd() const { return false; }

Result<DeviceMonitor> DeviceMonitor::create(loop::Loop&, Callback, const std::vector<std::string>&, Source) {
  return fail("this program was built without libudev");
}

}  // namespace vigil::edge
