// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/game_name.hpp"

#include <doctest/doctest.h>

using namespace vigil::classify;

namespace {

std::string name(std::string_view exe, const std::vector<std::string>& argv = {}) { return game_name(exe, argv).value_or("?"); }

}  // namespace

TEST_CASE("game name: the folder of a Steam library, whichever process of the game tells it") {
  CHECK(name("/home/u/.local/share/Steam/steamapps/common/dota 2 beta/game/bin/linuxsteamrt64/dota2") == "dota 2 beta");
  CHECK(name("/x/ubuntu12_32/reaper", {"reaper", "SteamLaunch", "AppId=1245620", "--", "/x/steamapps/common/SteamLinuxRuntime_sniper/_v2-entry-point", "--",
                                       "/x/steamapps/common/Proton 9.0 (Beta)/proton", "waitforexitandrun", "/x/steamapps/common/ELDEN RING/Game/start.exe"}) == "ELDEN RING");
  CHECK(name("/x/steamapps/common/Proton 9.0 (Beta)/files/bin/wine64-preloader", {"Z:\\lib\\steamapps\\common\\Cyberpunk 2077\\bin\\x64\\Cyberpunk2077.exe"}) == "Cyberpunk 2077");
}

TEST_CASE("game name: other shops' folders") {
  CHECK(name("/home/u/GOG Games/Stardew Valley/game/StardewValley") == "Stardew Valley");
  CHECK(name("/home/u/Games/Heroic/Celeste/Celeste") == "Celeste");
  CHECK(name("/home/u/.config/itch/apps/celeste-classic/celeste") == "celeste-classic");
  CHECK(name("/usr/lib/wine/wine64-preloader", {"C:\\Program Files\\Epic Games\\Fortnite\\FortniteClient.exe"}) == "Fortnite");
}

TEST_CASE("game name: else the program, without .exe, and never a loader's") {
  CHECK(name("/usr/lib/wine/wine64-preloader", {"C:\\Heroes3.exe"}) == "Heroes3");
  CHECK(name("/usr/games/supertuxkart", {"supertuxkart"}) == "supertuxkart");
  CHECK(name("/usr/lib/wine/wine64-preloader", {"C:\\windows\\system32\\services.exe"}) == "?");
  CHECK(name("/usr/lib/jvm/java-21/bin/java", {"java", "net.minecraft.client.main.Main"}) == "?");
  CHECK(name("", {}) == "?");
}

TEST_CASE("game name: a library's own files and tools are no games") {
  CHECK(name("/x/steamapps/common/Proton 9.0/files/bin/wineserver") == "?");
  CHECK(name("/x/steamapps/common/file") == "file");
  CHECK(name("/x/steamapps/common") == "common");
}
