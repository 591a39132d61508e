// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/game_name.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"
#include "core/classify/facts.hpp"
#include "core/classify/look.hpp"

namespace vigil::classify {

namespace {

// Folders whose subfolders are games, one after the other in a path.
constexpr std::array<std::array<std::string_view, 2>, 7> kLibraries = {{
    {"steamapps", "common"}, {"SteamApps", "common"}, {"", "GOG Games"}, {"Games", "Heroic"}, {"itch", "apps"}, {"GOG Galaxy", "Games"}, {"", "Epic Games"},
}};

bool is_tool(std::string_view folder) {
  for (const std::string_view tool : {"SteamLinuxRuntime", "Proton ", "Proton-", "GE-Proton", "Steamworks Shared", "Launcher"})
    if (folder.starts_with(tool)) return true;
  return false;
}

bool is_carrier(std::string_view name) {
  constexpr std::array<std::string_view, 8> kBegin = {"wine", "steam-launch-wrapper", "pressure-vessel", "srt-", "python", "ld-linux", "gamescope", "pv-"};
  constexpr std::array<std::string_view, 12> kWhole = {"reaper", "java", "javaw", "mono", "dotnet", "proton", "umu-run", "bash", "sh", "dash", "bwrap", "env"};
  return std::find(kWhole.begin(), kWhole.end(), name) != kWhole.end() ||
         std::any_of(kBegin.begin(), kBegin.end(), [&](std::string_view begin) { return name.starts_with(begin); });
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find_first_of("/\\", at), path.size());
    if (end > at) out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::optional<std::string> by_folder(std::string_view path) {
  if (path.find_first_of("/\\") == std::string_view::npos) return std::nullopt;
  const auto parts = parts_of(path);
  for (std::size_t i = 0; i + 2 < parts.size() + 1; ++i)
    for (const auto& [above, folder] : kLibraries) {
      const bool whole = above.empty() || parts[i] == above;
      const auto at = above.empty() ? i : i + 1;
      // What lies in the library itself is a file, no game's folder.
      if (!whole || at + 2 >= parts.size() || parts[at] != folder || is_tool(parts[at + 1])) continue;
      return std::string(parts[at + 1]);
    }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> game_name(std::string_view exe, const std::vector<std::string>& argv) {
  if (auto name = by_folder(exe)) return name;
  // The last one: "reaper … -- proton waitforexitandrun /…/common/GAME/game.exe".
  for (auto it = argv.rbegin(); it != argv.rend(); ++it)
    if (auto name = by_folder(*it)) return name;
  if (auto name = windows_program(argv)) return name->substr(0, name->size() - 4);
  const auto program = base_name(exe);
  if (program.empty() || is_carrier(program)) return std::nullopt;
  return std::string(program);
}

}  // namespace vigil::classify
