// SPDX-License-Identifier: GPL-2.0-only
//
// What people call a game, from where its files lie.
//
// Steam's own name for it is in a file of the library; that is not read: a library may lie on a disk that sleeps or a server that is
// away, and the daemon must not wait for either. The folder a game is installed in nearly always has the name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::classify {

// The folder below steamapps/common, "GOG Games", Heroic's, itch's or Lutris's folder that the executable or an argument names
// ("ELDEN RING"); else the Windows program without its ending; else the executable, unless that is a loader, a runtime or a
// wrapper. Absent: nothing tells.
std::optional<std::string> game_name(std::string_view exe, const std::vector<std::string>& argv);

}  // namespace vigil::classify
