// SPDX-License-Identifier: GPL-2.0-only
//
// What firmware says of itself, by generic netlink: ACPI notifications (cores ranked anew, the mains plugged) and, if
// asked for, thermal ones (Intel's hardware feedback, trip points).
//
// The kernel turns Intel's feedback interface on only while someone listens, and then speaks up to ten times a second
// under load: that is why `thermal` is off unless there is a use for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/topology/device_event.hpp"
#include "loop/loop.hpp"

namespace vigil::edge {

// Intel hardware feedback: what a CPU can do at the moment, 0 to 1023.
struct CpuCapability {
  std::uint32_t cpu = 0, performance = 0, efficiency = 0;
  bool operator==(const CpuCapability&) const = default;
};

struct FirmwareEvent {
  topology::DeviceEvent event;  // subsystem "acpi" or "thermal"
  std::vector<CpuCapability> capabilities;
};

// A message of one of the two families, starting at its netlink header; nothing for messages of no interest or that
// are not well formed.
std::optional<FirmwareEvent> parse_acpi_message(std::span<const std::byte> message);
std::optional<FirmwareEvent> parse_thermal_message(std::span<const std::byte> message);

class FirmwareMonitor {
 public:
  using Callback = std::function<void(const FirmwareEvent&)>;

  // A kernel without either family is no error: listening() says what there is.
  static Result<FirmwareMonitor> create(loop::Loop& loop, Callback callback, bool thermal = false);

  FirmwareMonitor(FirmwareMonitor&&) noexcept;
  FirmwareMonitor& operator=(FirmwareMonitor&&) noexcept;
  ~FirmwareMonitor();

  // "acpi", "acpi and thermal", "thermal" or "".
  std::string listening() const;

 private:
  struct State;
  explicit FirmwareMonitor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vigil::edge
