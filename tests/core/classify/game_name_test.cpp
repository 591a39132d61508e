// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/game_name.hpp"

#include <doctest/doctest.h>

using namespace vigil::classify;

namespace {

std::string name(std::string_view exe, const std::vector<std::string>& argv = {}, const std::vector<std::string>& env = {}) {
  return game_name(exe, argv, env).value_or("?");
}

}  // namespace

TEST_CASE("game name: the folder of a Steam library, whichever process of the game tells it") {
  CHECK(name("/home/u/.local/share/Steam/steamapps/common/dota 2 beta/game/bin/linuxsteamrt64/dota2") == "dota 2 beta");
  CHECK(name("/x/ubuntu12_32/reaper", {"reaper", "SteamLaunch", "AppId=1245620", "--", "/x/steamapps/common/SteamLinuxRuntime_sniper/_v2-entry-point", "--",
                                       "/x/steamapps/common/Proton 9.0 (Beta)/proton", "waitforexitandrun", "/x/steamapps/common/ELDEN RING/Game/start.exe"}) == "ELDEN RING");
  CHECK(name("/x/steamapps/common/Proton 9.0 (Beta)/files/bin/wine64-preloader", {"Z:\\lib\\steamapps\\common\\Cyberpunk 2077\\bin\\x64\\Cyberpunk2077.exe"}) == "Cyberpunk 2077");
  CHECK(name("/x/Proton/files/bin/wineserver", {"wineserver"}, {"STEAM_COMPAT_INSTALL_PATH=/lib/steamapps/common/ELDEN RING"}) == "ELDEN RING");
}

TEST_CASE("game name: other shops' folders, and what Lutris says") {
  CHECK(name("/home/u/GOG Games/Stardew Valley/game/StardewValley") == "Stardew Valley");
  CHECK(name("/home/u/Games/Heroic/Celeste/Celeste") == "Celeste");
  CHECK(name("/home/u/.config/itch/apps/celeste-classic/celeste") == "celeste-classic");
  CHECK(name("/usr/lib/wine/wine64-preloader", {"C:\\Program Files\\Epic Games\\Fortnite\\FortniteClient.exe"}) == "Fortnite");
  CHECK(name("/usr/lib/wine/wine64-preloader", {"C:\\w3.exe"}, {"LUTRIS_GAME_UUID=1", "GAME_NAME=The Witcher 3"}) == "The Witcher 3");
  CHECK(name("/usr/bin/x", {"x"}, {"GAME_NAME=somebody else's"}) == "?");
}

TEST_CASE("game name: unknown where nothing says it; a library's own files and tools are no games") {
  CHECK(name("/usr/games/supertuxkart", {"supertuxkart"}) == "?");
  CHECK(name("/usr/lib/jvm/java-21/bin/java", {"java", "net.minecraft.client.main.Main"}) == "?");
  CHECK(name("", {}) == "?");
  CHECK(name("/x/steamapps/common/Proton 9.0/files/bin/wineserver") == "?");
  CHECK(name("/x/steamapps/common/file") == "?");
  CHECK(name("/x/steamapps/common/" + std::string(300, 'x') + "/game") == "?");
  CHECK(name("/home/u/Games/Heroic/Prefixes/default/x/drive_c/a.exe") == "?");
}

TEST_CASE("game name: where Steam keeps its name for the game") {
  CHECK(steam_manifest(570, "/h/Steam/steamapps/common/dota 2 beta/game/dota2", {}, {}) == "/h/Steam/steamapps/appmanifest_570.acf");
  CHECK(steam_manifest(1, "/x/steamapps/common/Proton 9.0/files/bin/wine64", {"Z:\\lib\\steamapps\\common\\G\\g.exe"}, {}) == "/lib/steamapps/appmanifest_1.acf");
  CHECK(steam_manifest(1, "/usr/bin/wineserver", {}, {"STEAM_COMPAT_INSTALL_PATH=/lib/steamapps/common/ELDEN RING"}) == "/lib/steamapps/appmanifest_1.acf");
  CHECK(steam_manifest(0, "/h/steamapps/common/G/g", {}, {}).empty());
  CHECK(steam_manifest(1, "/usr/bin/g", {"steamapps/common/G/g"}, {}).empty());
}

TEST_CASE("game name: the name in an appmanifest, whatever the text") {
  CHECK(manifest_name("\"AppState\"\n{\n\t\"appid\"\t\t\"1245620\"\n\t\"name\"\t\t\"ELDEN RING\"\n\t\"installdir\"\t\t\"ELDEN RING\"\n}\n") == "ELDEN RING");
  CHECK(manifest_name("\"name\" \"The \\\"Best\\\" Game\"") == "The \"Best\" Game");
  for (const std::string text : {"", "\"", "\"name\"", "\"name\" \"cut", "\"name\" \"\"", "{}", "\"names\" \"x\""}) CHECK_FALSE(manifest_name(text));
  CHECK_FALSE(manifest_name("\"name\" \"" + std::string(200, 'x') + "\""));
  CHECK(manifest_name("\"name\" \"a\nb\x1b[31m\"")->find('\n') == std::string::npos);
}
