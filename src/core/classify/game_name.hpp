// SPDX-License-Identifier: GPL-2.0-only
//
// What people call a game, from what its process carries. Nothing is guessed: who does not say, has no name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::classify {

// The file in which Steam keeps its own name for an installed game, ".../steamapps/appmanifest_N.acf", in the library that the
// executable, an argument or STEAM_COMPAT_INSTALL_PATH lies in; "" when none of them lies in one.
std::string steam_manifest(std::uint32_t appid, std::string_view exe, const std::vector<std::string>& argv,
                           const std::vector<std::string>& env);
// `name` in the text of such a file.
std::optional<std::string> manifest_name(std::string_view text);

// Lutris's GAME_NAME; else the folder below steamapps/common, "GOG Games", Heroic's, itch's or Epic's folder that the executable or
// an argument names ("ELDEN RING"). Steam's own tools (Proton, runtimes) are no game's folder.
std::optional<std::string> game_name(std::string_view exe, const std::vector<std::string>& argv, const std::vector<std::string>& env);

}  // namespace vigil::classify
