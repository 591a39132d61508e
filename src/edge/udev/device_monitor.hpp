// SPDX-License-Identifier: GPL-2.0-only
//
// Devices that come, go and change, as the kernel or udevd announces them.
//
// Where udevd runs its announcements are followed: they are filtered in the kernel, so that only the named subsystems
// wake the program. Without it the kernel's own are, and every one wakes it for a moment. Either is quiet on an idle
// machine. When more came than fits the socket, one event with action "overrun" says so.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/topology/device_event.hpp"
#include "loop/loop.hpp"

namespace vigil::edge {

class DeviceMonitor {
 public:
  using Callback = std::function<void(const topology::DeviceEvent&)>;
  enum class Source { udevd_if_running, kernel, udevd };

  static Result<DeviceMonitor> create(loop::Loop& loop, Callback callback,
                                      const std::vector<std::string>& subsystems = topology::watched_subsystems(),
                                      Source source = Source::udevd_if_running);

  DeviceMonitor(DeviceMonitor&&) noexcept;
  DeviceMonitor& operator=(DeviceMonitor&&) noexcept;
  ~DeviceMonitor();

  bool follows_udevd() const;

 private:
  struct State;
  explicit DeviceMonitor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vigil::edge
