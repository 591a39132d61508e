# SPDX-License-Identifier: GPL-2.0-only
"""A game's AppID and the name people know it by: read once, in answer to the event that told of it, and unknown where nothing says it."""

import os

from harness import Suite, check, equal, eventually, matches

suite = Suite()
HOME = {"HOME": "/home/p"}
APPID = 424242


def library(world):
    """A Steam library with one installed game; its program."""
    steamapps = world.folder / "SteamLibrary" / "steamapps"
    folder = steamapps / "common" / "Some Folder" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    (steamapps / f"appmanifest_{APPID}.acf").write_text(
        f'"AppState"\n{{\n\t"appid"\t\t"{APPID}"\n\t"name"\t\t"The Game: Ödland\u2122"\n\t"installdir"\t\t"Some Folder"\n}}\n')
    program = folder / "game-bin"
    if not program.exists():
        os.link(world.folder / "actor", program)
    return steamapps, program


def game_of(daemon, pid):
    return next((game for game in daemon.status()["games"] if game["pid"] == pid), None)


@suite.case("a game of a Steam library has Steam's name for it: in explain, in the verdict told, in status")
def by_manifest(world):
    daemon = world.daemon()
    stream = daemon.watch()
    _, program = library(world)
    game = world.start(program, env={**HOME, "SteamAppId": str(APPID)})
    matches(daemon.explain(game.pid), klass="gaming", steam_appid=APPID, title="The Game: Ödland\u2122")
    line = stream.wait_for("its verdict", lambda line: line["event"] == "verdict" and line["pid"] == game.pid)
    equal((line["steam_appid"], line["title"]), (APPID, "The Game: Ödland\u2122"), "what a watcher is told")
    helper = world.adopt(game.tell("spawn", "keep", world.program("some-helper")))
    matches(daemon.explain(helper), klass="gaming", steam_appid=APPID, title="The Game: Ödland\u2122")
    equal(game_of(daemon, game.pid), {"pid": game.pid, "steam_appid": APPID, "title": "The Game: Ödland\u2122"}, "status")
    # For a daemon that starts later, too.
    world.stop_daemon()
    daemon = world.start_daemon()
    matches(daemon.explain(game.pid), steam_appid=APPID, title="The Game: Ödland\u2122")
    world.actors.remove(game)
    game.end()
    os.kill(helper, 9)
    eventually("the game has ended", lambda: game_of(daemon, game.pid) is None)


@suite.case("without Steam's file the folder's name, for Lutris what it says, else unknown")
def other_names(world):
    daemon = world.daemon()
    steamapps, program = library(world)
    (steamapps / f"appmanifest_{APPID}.acf").unlink()
    game = world.start(program, env={**HOME, "SteamAppId": str(APPID)})
    matches(daemon.explain(game.pid), klass="gaming", title="Some Folder", steam_appid=APPID)
    lutris = world.start("some-native-game", env={**HOME, "LUTRIS_GAME_UUID": "77", "GAME_NAME": "From Lutris"})
    matches(daemon.explain(lutris.pid), klass="gaming", title="From Lutris", steam_appid=None)
    nobody = world.start("wine64", env={**HOME, "WINEPREFIX": "/p"})
    matches(daemon.explain(nobody.pid), title=None, steam_appid=None)


@suite.case("a file that is no game's file is not believed: a fifo, a link, a megabyte of nothing")
def hostile(world):
    daemon = world.daemon()
    steamapps, program = library(world)
    manifest = steamapps / f"appmanifest_{APPID}.acf"
    for make in (lambda: os.mkfifo(manifest), lambda: manifest.symlink_to("/etc/passwd"), lambda: manifest.write_bytes(b"\xff" * (1 << 20)),
                 lambda: manifest.mkdir()):
        if manifest.is_dir() and not manifest.is_symlink():
            manifest.rmdir()
        else:
            manifest.unlink()
        make()
        game = world.start(program, env={**HOME, "SteamAppId": str(APPID)})
        matches(daemon.explain(game.pid), klass="gaming", title="Some Folder")
        world.actors.remove(game)
        game.end()
        eventually("the game has ended", lambda pid=game.pid: game_of(daemon, pid) is None)


@suite.case("who only carries a game's number in its environment has none: a shell, a browser, the launcher")
def only_carried(world):
    daemon = world.daemon()
    for name in ("bash", "firefox", "steam"):
        process = world.start(name, env={**HOME, "SteamAppId": str(APPID)})
        matches(daemon.explain(process.pid), klass="regular", steam_appid=None, title=None)
        check(game_of(daemon, process.pid) is None, f"{name} is among the games")


raise SystemExit(suite.main())
