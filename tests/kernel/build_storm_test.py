# SPDX-License-Identifier: GPL-2.0-only
"""Builds and scripts at work: the root of the tree is decided once, what it starts inherits, and next to nothing of it leaves the
kernel. By name where the root has one that is known, by rate and shape where it has none."""

import ctypes
import os
import pathlib
import shutil
import subprocess

from harness import Skip, Suite, check, equal, eventually, matches, switches

suite = Suite()
GAME = {"WINEPREFIX": "/home/p/.wine"}
PLAIN = {"PATH": "/usr/bin:/bin", "HOME": "/home/p"}
PR_SET_CHILD_SUBREAPER = 36
TOOLS = {"make", "sh", "dash", "gcc", "cc", "cc1", "as", "collect2", "ld", "true"}


def own_tree():
    """The test is no root of a storm: what waits for the orphans of others (a service manager) never is."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise Skip("needs PR_SET_CHILD_SUBREAPER")


def verdicts_until(world, stream):
    """Every verdict that was told up to now."""
    fence = world.start("wine64", "C:\\fence.exe", env=GAME)
    stream.wait_for("the fence", lambda line: line["event"] == "verdict" and line["pid"] == fence.pid)
    return [line for line in stream.lines if line["event"] == "verdict" and line["pid"] != fence.pid]


def records(daemon):
    return sum(kind["reported"] for kind in daemon.status()["events"].values())


def storm_of(daemon, pid):
    return next((storm for storm in daemon.status()["storms"] if storm["pid"] == pid), None)


@suite.case("make -j4 of this project's programs beside a game: no verdict but the root's, and the daemon sleeps")
def make(world):
    if not shutil.which("make") or not shutil.which("gcc"):
        raise Skip("needs make and gcc")
    own_tree()
    sources = sorted(pathlib.Path(__file__).parent.glob("programs/*.c")) + \
        sorted((pathlib.Path(__file__).parent.parent / "bench").glob("load.c"))
    folder = world.folder / "built"
    folder.mkdir(exist_ok=True)
    objects = [f"{source.stem}-{turn}.o" for turn in range(4) for source in sources]
    rules = "".join(f"{one}: {sources[number % len(sources)]}\n\t@test -e $< && gcc -D_GNU_SOURCE -O1 -c $< -o $@\n"
                    for number, one in enumerate(objects))
    (folder / "Makefile").write_text("all: " + " ".join(objects) + "\n" + rules)

    daemon = world.daemon()
    game = world.start("wine64", "C:\\game.exe", env=GAME)
    stream = daemon.watch()
    before, slept = records(daemon), switches(daemon.pid)[0]
    build = subprocess.Popen(["make", "-j4", "-C", folder, "all"], env=PLAIN, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = build.stderr.read().decode()
    equal(build.wait(), 0, f"status of make ({told})")
    woken = switches(daemon.pid)[0] - slept
    lines = verdicts_until(world, stream)
    told_records = records(daemon) - before
    equal([line["class"] for line in lines if line["pid"] == build.pid], ["batch"], "verdicts of the root")
    others = [line for line in lines if line["comm"] in TOOLS and line["pid"] != build.pid]
    equal(others, [], "verdicts of what it started")
    matches(daemon.explain(game.pid), klass="gaming")
    # Other programs of the machine may have been told of meanwhile; each wakes the daemon once at most.
    check(woken <= told_records + 2, f"{woken} wake-ups, {told_records} records")
    print(f"    {len(objects)} objects: {told_records} records of the whole machine, {woken} wake-ups of the daemon", flush=True)


def sensitive_daemon(world):
    """One that takes less for a storm, for the machine may be slow."""
    config = world.folder / "sensitive.toml"
    config.write_text("storm_execs = 32\n")
    return world.start_daemon("--config", config)


def unknown_build(world, name, rounds):
    """A tool that nobody knows and that works like a build: shells, a compiler that is known, helpers that are not."""
    for tool, of in (("gen-table", "storm"), ("cc1", "storm"), ("gcc", "storm")):
        world.program(tool, of)
    script = world.folder / f"{name}.sh"
    script.write_text(f"n=0\nwhile [ $n -lt {rounds} ]; do {world.bin}/gcc; {world.bin}/gen-table; {world.bin}/cc1; n=$((n+1)); done\n"
                      "read go_on\n")
    shell = world.bin / name
    if not shell.exists():
        shutil.copy2(shutil.which("dash") or "/bin/sh", shell)
    process = subprocess.Popen([shell, script], env=PLAIN, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    world.adopt(process.pid)
    return process


@suite.case("a build that nobody knows by name: its root becomes batch by rate and shape, its storm is counted and not told")
def unknown(world):
    own_tree()
    daemon = sensitive_daemon(world)
    game = world.start("wine64", "C:\\game.exe", env=GAME)
    stream = daemon.watch()
    before = records(daemon)
    build = unknown_build(world, "frobnicate", 600)
    storm = eventually("the storm is noticed", lambda: storm_of(daemon, build.pid))
    matches(daemon.explain(build.pid), klass="batch", kind="build-storm", rule="batch:build-storm", level="image", source="kernel",
            event="storm", evidence=lambda found: found == ["kernel says storm"])
    storm = eventually("the storm passes", lambda: (now := storm_of(daemon, build.pid)) and now["execs"] > 900 and now["over"] and now)
    told = records(daemon) - before
    # Each round has three execs and as many forks; the beginning is not yet known for a storm.
    check(storm["forks"] >= 900, f"counted: {storm}")
    lines = [line for line in verdicts_until(world, stream) if line["comm"] in ("frobnicate", "gcc", "cc1", "gen-table")]
    roots = [line for line in lines if line["pid"] == build.pid]
    equal([line["class"] for line in roots][:1], ["batch"], "the first verdict of the root")
    check(len(lines) <= 300, f"{len(lines)} verdicts were told of 1,800 programs")
    print(f"    1,800 programs: {len(lines)} verdicts told before the storm was known, {storm['hushed']} hushed, {told} records", flush=True)
    # It still runs, and is no storm any more.
    eventually("the root is what it was", lambda: daemon.explain(build.pid)["class"] == "regular")
    matches(daemon.explain(build.pid), rule=None, inherited_from=None)
    matches(daemon.explain(game.pid), klass="gaming")
    world.stop_daemon()


@suite.case("what was started during a storm and stays loses the storm's class when it is over")
def survivor(world):
    own_tree()
    daemon = sensitive_daemon(world)
    stays = world.program("stays-on")
    script = world.folder / "with-survivor.sh"
    script.write_text(f"n=0\nwhile [ $n -lt 600 ]; do {world.program('gen-table', 'storm')}; n=$((n+1)); done\n"
                      f"{stays} </dev/null >/dev/null & echo $!\nread go_on\n")
    shell = world.bin / "orchestrate"
    shutil.copy2(shutil.which("dash") or "/bin/sh", shell)
    build = subprocess.Popen([shell, script], env=PLAIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    world.adopt(build.pid)
    child = world.adopt(int(build.stdout.readline()))
    eventually("it runs", lambda: daemon.explain(child)["comm"] == "stays-on")
    matches(daemon.explain(child), klass="batch", rule="batch:build-storm", level="ancestry", inherited_from=build.pid)
    eventually("it is what it was", lambda: daemon.explain(child)["class"] == "regular")
    matches(daemon.explain(child), rule=None, inherited_from=None)
    world.stop_daemon()


@suite.case("a launcher whose programs stay is no storm, a game is never the root of one, nor what a boundary started")
def no_storm(world):
    own_tree()
    daemon = world.daemon()
    # 300 programs at once that stay: the rate is there, the shape is not.
    session = world.start("my-session", env=PLAIN)
    pids = [session.tell("spawn", "keep", world.program("applet"), "x") for _ in range(300)]
    matches(daemon.explain(session.pid), klass="regular")
    matches(daemon.explain(pids[-1]), klass="regular")
    check(storm_of(daemon, session.pid) is None, "a session that starts applets was taken for a storm")
    # A game that executes helpers by the thousand stays a game, and so do they.
    game = world.start("wine64", "C:\\game.exe", env=GAME)
    for _ in range(300):
        child = game.tell("spawn", "clean", world.program("game-helper"))
        os.kill(child, 9)
    matches(daemon.explain(game.pid), klass="gaming")
    check(storm_of(daemon, game.pid) is None, "a game was taken for a storm")


@suite.case("storm_execs = 0 turns it off")
def off(world):
    own_tree()
    config = world.folder / "off.toml"
    config.write_text("storm_execs = 0\n")
    daemon = world.start_daemon("--config", config)
    try:
        build = unknown_build(world, "frobnicate", 300)
        eventually("it has worked", lambda: pathlib.Path(f"/proc/{build.pid}/wchan").read_text() != "" and
                   "do_wait" not in pathlib.Path(f"/proc/{build.pid}/wchan").read_text() and
                   not pathlib.Path(f"/proc/{build.pid}/task/{build.pid}/children").read_text())
        matches(daemon.explain(build.pid), klass="regular")
        equal(daemon.status()["storms"], [], "storms")
    finally:
        world.stop_daemon()


raise SystemExit(suite.main())
