# SPDX-License-Identifier: GPL-2.0-only
"""Profiles on real processes: who has which, its class, a person's choice, reload, and that nothing is left at the end."""

import signal

from harness import Suite, check, equal, eventually, matches

suite = Suite()
PLAIN = {"HOME": "/home/p"}


def steam(appid):
    return {"STEAM_COMPAT_DATA_PATH": "/c", "SteamAppId": str(appid), "HOME": "/home/p"}


MINE = """
[[profile]]
name = "first-game"
title = "The First Game"
match = { appid = 111 }
cpus = "vcache"
boost = 1

[[profile]]
name = "second-game"
match = { appid = 222 }
slice_us = 2000

[[profile]]
name = "my-tool"
match = { exe = "my-tool" }
class = "latency"

[[profile]]
name = "by-rule"
match = { rule = "games:wine-prefix" }
boost = 1

[[profile]]
name = "quiet"
class = "batch"

[[profile]]
name = "short-argument"
match = { exe = "renderer", argv = "-b" }
class = "batch"
"""


def folder(world):
    path = world.folder / "profiles"
    path.mkdir(exist_ok=True)
    return path


def daemon_with(world, text=MINE):
    """A daemon with the built-in rules and these profiles. In a folder that it watches."""
    (folder(world) / "mine.toml").write_text(text)
    for other in folder(world).glob("*.toml"):
        if other.name != "mine.toml":
            other.unlink()
    rules = world.program_path.parent.parent / "tools" / "rules.d"
    return world.start_daemon("--rules", rules, "--profiles", folder(world))


def active(daemon):
    return {each["name"]: each["processes"] for each in daemon.status()["profiles"]}


@suite.case("a game has its profile by AppID, what it starts has it, a shell from it has not, and its end is the profile's")
def by_appid(world):
    daemon = daemon_with(world)
    game = world.start("Game-Main", env=steam(111))
    matches(daemon.explain(game.pid), profile="first-game", klass="gaming", rule="games:proton-env", level="image")
    matches(daemon.explain(game.tell("thread", "worker")), profile="first-game")
    matches(daemon.explain(world.adopt(game.tell("fork"))), profile="first-game")
    matches(daemon.explain(world.adopt(game.tell("spawn", "clean", world.program("helper")))), profile="first-game", klass="gaming")
    matches(daemon.explain(world.adopt(game.tell("spawn", "keep", world.program("bash")))), profile=None, klass="regular")
    matches(daemon.explain(world.adopt(game.tell("spawn", "keep", world.program("gcc")))), profile=None, klass="batch")
    equal(active(daemon), {"first-game": 3}, "active profiles and their processes")
    equal(daemon.status()["profile"]["name"], "first-game", "status.profile")
    said = len(daemon.log)
    world.clean_up()
    daemon.wait_log("profile first-game ends", said)
    equal((active(daemon), daemon.status()["profile"]), ({}, None), "active profiles when all have ended")


@suite.case("several at once: each process has its own")
def several(world):
    daemon = world.daemon()
    first, second = world.start("Game-Main", env=steam(111)), world.start("Game-Main", env=steam(222))
    matches(daemon.explain(first.pid), profile="first-game")
    matches(daemon.explain(second.pid), profile="second-game")
    equal(active(daemon), {"first-game": 1, "second-game": 1}, "active profiles")
    second.end()
    world.actors.remove(second)
    eventually("only the first is left", lambda: active(daemon) == {"first-game": 1})


@suite.case("by the rule that decided, and by an argument that only the daemon can look at")
def other_matches(world):
    daemon = world.daemon()
    wine = world.start("wine64", "C:\\game.exe", env={"WINEPREFIX": "/p"})
    matches(daemon.explain(wine.pid), profile="by-rule", klass="gaming", rule="games:wine-prefix")
    plain = world.start("renderer", "scene", env=PLAIN)
    render = world.start("renderer", "-b", "scene", env=PLAIN)
    eventually("the daemon has looked", lambda: daemon.explain(render.pid)["profile"] == "short-argument")
    matches(daemon.explain(render.pid), klass="batch", rule="profile:short-argument")
    matches(daemon.explain(plain.pid), profile=None, klass="regular")


@suite.case("a class it sets is in force at exec for the process and what it starts; only a person's word is stronger")
def sets_class(world):
    daemon = world.daemon()
    watcher = daemon.watch()
    tool = world.start("my-tool", env=PLAIN)
    matches(daemon.explain(tool.pid), klass="latency", profile="my-tool", level="user", source="kernel", rule="profile:my-tool",
            event="exec", decided_after_ns=0, hook_ns=lambda ns: isinstance(ns, int) and ns > 0)
    line = watcher.wait_for("its verdict", lambda line: line["event"] == "verdict" and line["pid"] == tool.pid)
    matches(line, klass="latency", rule="profile:my-tool", profile="my-tool")
    helper = world.adopt(tool.tell("spawn", "keep", world.program("helper")))
    matches(daemon.explain(helper), klass="latency", profile="my-tool")
    daemon.call("class", pid=tool.pid, **{"class": "batch"})
    matches(daemon.explain(tool.pid), klass="batch", source="user", rule="user", profile="my-tool")
    daemon.call("class", pid=tool.pid, **{"class": "auto"})
    matches(daemon.explain(tool.pid), klass="latency", rule="profile:my-tool")
    tool.tell("become", world.program("gcc"), "x")
    matches(daemon.explain(tool.pid), klass="batch", profile=None)


@suite.case("a person chooses one for a process and what it started; auto takes it back")
def use_for_process(world):
    daemon = world.daemon()
    plain = world.start("plain", env=PLAIN)
    child = world.adopt(plain.tell("fork"))
    stranger = world.start("plain", env=PLAIN)
    answer = daemon.call("profile", action="use", name="quiet", pid=plain.pid)
    equal(answer["active"], "quiet", "the answer")
    for pid in (plain.pid, child):
        matches(daemon.explain(pid), profile="quiet", klass="batch", source="user", rule="profile:quiet")
    matches(daemon.explain(stranger.pid), profile=None, klass="regular")
    matches(daemon.explain(world.adopt(plain.tell("spawn", "keep", world.program("later")))), profile="quiet", klass="batch")
    equal(list(active(daemon)), ["quiet"], "active profiles")
    game = world.start("Game-Main", env=steam(111))
    daemon.call("profile", action="use", name="none", pid=game.pid)
    matches(daemon.explain(game.pid), profile=None, klass="gaming")
    daemon.call("profile", action="auto")
    matches(daemon.explain(game.pid), profile="first-game")
    matches(daemon.explain(plain.pid), profile=None, klass="regular")
    equal(active(daemon), {"first-game": 1}, "active profiles after auto")


@suite.case("a person chooses one for every game, running and to come; auto takes it back")
def use_for_games(world):
    daemon = world.daemon()
    game, plain = world.start("Game-Main", env=steam(111)), world.start("plain", env=PLAIN)
    daemon.call("profile", action="use", name="second-game")
    later = world.start("Game-Main", env=steam(333))
    for pid in (game.pid, later.pid):
        matches(daemon.explain(pid), profile="second-game", klass="gaming")
    matches(daemon.explain(plain.pid), profile=None)
    equal(daemon.status()["profile_for_games"], "second-game", "status.profile_for_games")
    daemon.call("profile", action="auto")
    matches(daemon.explain(game.pid), profile="first-game")
    matches(daemon.explain(later.pid), profile=None)


@suite.case("list and show; a name that is none is refused with a suggestion")
def listed(world):
    daemon = world.daemon()
    world.start("Game-Main", env=steam(111))
    profiles = {each["name"]: each for each in daemon.call("profile", action="list")["profiles"]}
    equal((profiles["first-game"]["active"], profiles["second-game"]["active"]), (True, False), "active in the list")
    shown = daemon.call("profile", action="show", name="first-game")
    equal(shown["settings"]["match"], "AppID 111", "settings.match")
    equal((shown["settings"]["cpus"], shown["settings"]["boost"], shown["active"]), ("vcache", 1, True), "settings")
    error = daemon.control.ask("profile", action="use", name="frist-game")["error"]
    equal(error["code"], "not_found", "the error")
    check("did you mean 'first-game'?" in error["message"], error["message"])


@suite.case("a game that ran before the daemon has its profile")
def before(world):
    world.stop_daemon()
    game, tool = world.start("Game-Main", env=steam(222)), world.start("my-tool", env=PLAIN)
    daemon = daemon_with(world)
    matches(daemon.explain(game.pid), profile="second-game")
    matches(daemon.explain(tool.pid), profile="my-tool", klass="latency")
    equal(active(daemon), {"second-game": 1, "my-tool": 1}, "active profiles")


@suite.case("a changed file acts on what runs; a broken one is told with its place and changes nothing; a deleted one is gone")
def reload(world):
    daemon = daemon_with(world)
    game, tool = world.start("Game-Main", env=steam(111)), world.start("my-tool", env=PLAIN)
    helper = world.adopt(tool.tell("spawn", "keep", world.program("helper")))
    said = len(daemon.log)
    (folder(world) / "mine.toml").write_text(MINE.replace('"latency"', '"interactive"'))
    said = daemon.wait_log("rule files changed", said)
    for pid in (tool.pid, helper):
        matches(daemon.explain(pid), klass="interactive", profile="my-tool")

    (folder(world) / "mine.toml").write_text(MINE.replace('boost = 1', 'bost = 1').replace("222", '"x"'))
    said = daemon.wait_log("what was in force stays in force", said)
    daemon.wait_log("mine.toml:7:1: unknown key 'bost' of a profile; did you mean 'boost'?", said - 1)
    daemon.wait_log("mine.toml:11:19: 'appid' must be a whole number", said - 1)
    matches(daemon.explain(tool.pid), klass="interactive", profile="my-tool")
    matches(daemon.explain(game.pid), profile="first-game")

    (folder(world) / "mine.toml").write_text('[[profile]]\nname = "first-game"\nmatch = { appid = 111 }\nboost = 3\n')
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_log("reloaded in", said)
    matches(daemon.explain(game.pid), profile="first-game")
    for pid in (tool.pid, helper):
        matches(daemon.explain(pid), klass="regular", profile=None)
    equal(active(daemon), {"first-game": 1}, "active profiles")


@suite.case("a profile file with mistakes at the start: exit 2, all of them with their places")
def start_broken(world):
    world.stop_daemon()
    (folder(world) / "mine.toml").write_text('[[profile]]\nname = "a"\ncpus = "vcach"\n')
    from harness import Daemon
    daemon = Daemon(world.program_path, world.folder, ("--profiles", folder(world)))
    equal(daemon.wait_exit(), 2, "exit status")
    check("mine.toml:3:8: 'cpus' cannot be 'vcach'" in daemon.said(), daemon.said())


raise SystemExit(suite.main())
