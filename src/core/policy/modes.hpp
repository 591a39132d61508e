// SPDX-License-Identifier: GPL-2.0-only
//
// What a person wants the machine to be for: a mode changes the scheduler's numbers, at run time and all at once. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/policy/tunables.hpp"

namespace vigil::policy {

// scx_loader's modes 0-4.
enum class Mode : std::uint8_t { automatic = 0, gaming = 1, powersave = 2, lowlatency = 3, server = 4 };

constexpr std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::automatic: return "auto";
    case Mode::gaming: return "gaming";
    case Mode::powersave: return "powersave";
    case Mode::lowlatency: return "lowlatency";
    case Mode::server: return "server";
  }
  return "auto";
}

// The defaults with the mode's changes. What each mode is for, who gains and who loses: bpf/README.md.
SchedTunables tunables_of(Mode mode);
PlaceWishes wishes_of(Mode mode);

}  // namespace vigil::policy
