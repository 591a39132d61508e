// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/game_name.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace vigil::classify {

namespace {

constexpr std::size_t kLongestName = 128;

// Folders whose subfolders are games: the one above ("" any) and the one itself.
constexpr std::array<std::array<std::string_view, 2>, 7> kLibraries = {{
    {"steamapps", "common"},
    {"SteamApps", "common"},
    {"", "GOG Games"},
    {"Games", "Heroic"},
    {"itch", "apps"},
    {"GOG Galaxy", "Games"},
    {"", "Epic Games"},
}};

bool is_tool(std::string_view folder) {
  for (const std::string_view tool : {"SteamLinuxRuntime", "Proton ", "Proton-", "GE-Proton", "Steamworks Shared", "Launcher", "Prefixes"})
    if (folder.starts_with(tool)) return true;
  return false;
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

std::optional<std::string> by_folder(std::string_view path, bool whole_folder) {
  const auto parts = parts_of(path);
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const auto& [above, folder] : kLibraries) {
      if (parts[i] != folder || (!above.empty() && (i == 0 || parts[i - 1] != above))) continue;
      // What lies in the library itself is a file, no game's folder.
      const std::size_t least = whole_folder ? 1 : 2;
      if (i + least < parts.size() && !is_tool(parts[i + 1])) return std::string(parts[i + 1]);
    }
  return std::nullopt;
}

std::string_view value_of(const std::vector<std::string>& env, std::string_view name) {
  for (const auto& one : env)
    if (one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=') return std::string_view(one).substr(name.size() + 1);
  return {};
}

// The library of a path in it, as the process itself names it: Wine's Z: is the root.
std::string library_of(std::string_view path) {
  std::string whole(path);
  if (whole.size() > 2 && (whole[0] == 'Z' || whole[0] == 'z') && whole[1] == ':') whole.erase(0, 2);
  std::replace(whole.begin(), whole.end(), '\\', '/');
  if (!whole.starts_with('/')) return {};
  for (const std::string_view inside : {"/steamapps/common/", "/SteamApps/common/"})
    if (const auto at = whole.find(inside); at != std::string::npos && !is_tool(whole.substr(at + inside.size())))
      return whole.substr(0, at + inside.size() - std::string_view("/common/").size());
  return {};
}

// From the end: "reaper … -- proton waitforexitandrun /…/common/GAME/game.exe".
template <typename Found, typename Look>
Found first_of(std::string_view exe, const std::vector<std::string>& argv, const Found& none, Look look) {
  if (auto found = look(exe); found != none) return found;
  for (auto it = argv.rbegin(); it != argv.rend(); ++it)
    if (auto found = look(*it); found != none) return found;
  return none;
}

// The next quoted word of Valve's key-value text, with \" and \\ taken back; absent at the end.
std::optional<std::string> next_word(std::string_view text, std::size_t& at) {
  at = text.find('"', at);
  if (at == std::string_view::npos) return std::nullopt;
  std::string out;
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    out += text[at];
  }
  if (at >= text.size()) return std::nullopt;
  ++at;
  return out;
}

}  // namespace

std::string steam_manifest(std::uint32_t appid, std::string_view exe, const std::vector<std::string>& argv,
                           const std::vector<std::string>& env) {
  if (appid == 0) return {};
  auto library = first_of(exe, argv, std::string(), library_of);
  if (library.empty()) library = library_of(std::string(value_of(env, "STEAM_COMPAT_INSTALL_PATH")) + '/');
  return library.empty() ? library : library + "/appmanifest_" + std::to_string(appid) + ".acf";
}

std::optional<std::string> manifest_name(std::string_view text) {
  // "AppState" { "appid" "570"  "name" "Dota 2" … }: the first name is the game's.
  for (std::size_t at = 0;;) {
    const auto key = next_word(text, at);
    if (!key) return std::nullopt;
    if (*key != "name") continue;
    auto name = next_word(text, at);
    if (!name || name->empty() || name->size() > kLongestName) return std::nullopt;
    return printable(*name);
  }
}

std::optional<std::string> game_name(std::string_view exe, const std::vector<std::string>& argv, const std::vector<std::string>& env) {
  if (const auto name = value_of(env, "GAME_NAME"); !name.empty() && name.size() <= kLongestName && !value_of(env, "LUTRIS_GAME_UUID").empty())
    return printable(name);
  auto name = first_of(exe, argv, std::optional<std::string>(), [](std::string_view path) { return by_folder(path, false); });
  if (!name) name = by_folder(value_of(env, "STEAM_COMPAT_INSTALL_PATH"), true);
  if (!name || name->size() > kLongestName) return std::nullopt;
  return printable(*name);
}

}  // namespace vigil::classify
