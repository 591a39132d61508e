// SPDX-License-Identifier: GPL-2.0-only
//
// What the power source and power profiles ask of the scheduler, and what a mode asks of the hardware's own settings. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/topology/devices.hpp"

namespace vigil::power {

// What is known; absent: this machine does not say.
struct Situation {
  topology::PowerSource source = topology::PowerSource::unknown;
  std::optional<std::string> platform_profile{};  // firmware's: low-power, balanced, performance, …
  std::optional<std::string> power_profile{};     // power-profiles-daemon's: power-saver, balanced, performance
  bool operator==(const Situation&) const = default;
};

// Whether the automatic mode saves power, and why in a few words. Someone's choice of a profile counts more than the plug: a
// profile that saves power does so on mains, too, one for performance keeps a battery from slowing things down; between
// them the battery decides. The power-profiles-daemon speaks for a person, firmware's profile for the machine.
struct Choice {
  bool save = false;
  std::string why;  // "the machine runs on battery"
  bool operator==(const Choice&) const = default;
};
Choice choose(const Situation& situation);

// What is going on that hardware settings may follow.
struct Demand {
  bool games = false;  // some process is of the class gaming
  bool fast = false;   // the mode in force is gaming or lowlatency
  bool save = false;   // ... is powersave
  bool operator==(const Demand&) const = default;
};

// Values to write, absent: as it was found. For amd_x3d_mode and energy_performance_preference; the latter only from what the
// driver says it offers.
std::optional<std::string> wanted_x3d_mode(const Demand& demand);
std::optional<std::string> wanted_epp(const Demand& demand, std::string_view available);

}  // namespace vigil::power
