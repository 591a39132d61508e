# SPDX-License-Identifier: GPL-2.0-only
"""20,000 execs beside a fork storm: whoever survives has the right class, also when the ring is far too small for the news."""

import os
import pathlib
import shutil
import signal
import subprocess

from harness import Failure, Suite, check, eventually, matches

suite = Suite()
EXECS = 20_000
FORKS = 20_000
KEEP = 400  # each so manieth survives

# What is executed in turn: environment, program, the class it must have.
IMAGES = (
    ((), "quick-helper", "regular"),
    (("WINEPREFIX=/p",), "wine64", "gaming"),
    (("STEAM_COMPAT_DATA_PATH=/c", "SteamAppId=42"), "Game-Main", "gaming"),
    (("WINEPREFIX=/p",), "gcc", "batch"),
    ((), "qemu-system-x86_64", "vm"),
    ((), "pipewire", "latency"),
    (("WINEPREFIX=/p", "PATH=/bin"), "bash", "regular"),
)


class Storm:
    """A running programs/storm.c. `survivors`: what it left, [(pid, number)], once it is over."""

    def __init__(self, world, kind, count, *words):
        self.process = subprocess.Popen([world.program(f"storm-{kind}", of="storm"), kind, str(count), str(KEEP), *words], env={},
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        world.adopt(self.process.pid)

    def survivors(self):
        found = []
        for line in self.process.stdout:
            if line == "done\n":
                return found
            pid, number = line.split()
            found.append((int(pid), int(number)))
        raise Failure("a storm ended before it was done")

    def end(self):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()


def daemon_without_governor(world, *options):
    """These storms are about news: of a storm that is known for one there would be none."""
    config = world.folder / "no-governor.toml"
    config.write_text("storm_execs = 0\n")
    return world.start_daemon("--config", config, *options)


def storms(world):
    words = []
    for environment, program, _ in IMAGES:
        words += [*environment, world.program(program, of="storm")]
    return Storm(world, "exec", EXECS, *words), Storm(world, "fork", FORKS)


def look_at(daemon, exec_survivors, fork_survivors):
    check(len(exec_survivors) == EXECS // KEEP and len(fork_survivors) == FORKS // KEEP,
          f"{len(exec_survivors)} and {len(fork_survivors)} survived")
    for pid, number in exec_survivors:
        _, program, klass = IMAGES[number]
        matches(daemon.explain(pid), klass=klass, comm=program[:15])
    for pid, _ in fork_survivors:
        matches(daemon.explain(pid), klass="regular")


def rain(world):
    """Both storms at once, to their end. The survivors and the storms."""
    both = storms(world)
    return both, both[0].survivors(), both[1].survivors()


@suite.case("20,000 execs beside a fork storm: every survivor has the right class")
def storm(world):
    daemon = daemon_without_governor(world)
    before = daemon.status()["events"]
    both, executed, forked = rain(world)
    look_at(daemon, executed, forked)
    events = daemon.status()["events"]
    for kind, least in (("exec", EXECS), ("fork", EXECS + FORKS), ("exit", EXECS + FORKS - 2 * EXECS // KEEP)):
        seen = events[kind]["seen"] - before[kind]["seen"]
        check(seen >= least, f"{seen} events of kind {kind} were seen, {least} happened")
    for one in both:
        one.end()


@suite.case("the same with someone watching every event: the watcher hears of each survivor's exec, or of a loss")
def watched(world):
    daemon = daemon_without_governor(world)
    stream = daemon.watch()
    both, executed, forked = rain(world)
    look_at(daemon, executed, forked)
    games = {pid for pid, number in executed if IMAGES[number][2] == "gaming"}
    told = set()

    def all_told(line):
        if line["event"] == "lost":
            return True
        if line["event"] == "verdict" and line["class"] == "gaming":
            told.add(line["pid"])
        return games <= told
    stream.wait_for("every game, or of a loss", all_told)
    for one in both:
        one.end()


@suite.case("a ring of 4 KiB loses records: told, resynchronised, and every survivor has the right class")
def losses(world):
    daemon = daemon_without_governor(world, "--ring-bytes", "4096")
    try:
        stream = daemon.watch(everything=True)
        # Stopped meanwhile, so that the ring overflows however fast the machine is.
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            both, executed, forked = rain(world)
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        lost = stream.wait_for("a loss", lambda line: line["event"] == "lost" and not line["resynced"] and "where" not in line)
        check(lost["count"] > 0, f"a loss of nothing: {lost}")
        again = stream.wait_for("the resync", lambda line: line["event"] == "lost" and line["resynced"])
        check(again["count"] > 0, f"a resync for nothing: {again}")
        look_at(daemon, executed, forked)
        status = daemon.status()
        check(status["lost"] > 0, f"status knows of no loss: {status['events']}")
        check(status["resyncs"] > 0, "status knows of no resync")
        daemon.wait_log("did not fit the ring")
        daemon.close_streams()

        # Afterwards all is as ever: counts are right, and new processes are told of.
        games = [pid for pid, number in executed if IMAGES[number][2] == "gaming"]
        check(status["classes"]["gaming"]["processes"] >= len(games), f"status counts {status['classes']['gaming']}")
        verdicts = daemon.watch()
        game = world.start("wine64-preloader", env={"WINEPREFIX": "/p"})
        line = verdicts.wait_for("a new game", lambda line: line["event"] == "verdict" and line["pid"] == game.pid)
        matches(line, klass="gaming", rule="games:wine-prefix")
        for one in both:
            one.end()
        left = status["classes"]["gaming"]["processes"] - len(games) + 1
        eventually("status forgets the games that ended",
                   lambda: daemon.status()["classes"]["gaming"]["processes"] <= left)
    finally:
        world.stop_daemon()


EXTRA = """
[[rule]]
name = "turn"
class = "ai"
program = "never-started-{turn}"
[[rule]]
name = "helper"
class = "{klass}"
program = "reload-marker"
"""


@suite.case("the rules are reloaded ten times meanwhile: nothing is lost, every survivor has the right class by the rules in force")
def reloaded(world):
    folder = world.rules(EXTRA.format(turn=0, klass="ai"), "turns")
    built_in = pathlib.Path(__file__).parents[2] / "tools" / "rules.d"
    daemon = daemon_without_governor(world, "--rules", built_in, "--rules", folder)
    try:
        marker = world.start("reload-marker")
        both = storms(world)
        for turn in range(1, 11):
            # Ten lines of a kind are as many as the log lets through.
            (folder / "turns.toml").write_text(EXTRA.format(turn=turn, klass=("ai", "vm")[turn % 2]))
            said = len(daemon.log)
            if turn < 10:
                daemon.process.send_signal(signal.SIGHUP)
                daemon.wait_log("reloaded in", said)
            klass = ("ai", "vm")[turn % 2]
            if turn == 10:
                eventually("the changed file is taken up", lambda klass=klass: daemon.explain(marker.pid)["class"] == klass)
            matches(daemon.explain(marker.pid), klass=klass, rule="turns:helper")
        executed, forked = both[0].survivors(), both[1].survivors()
        look_at(daemon, executed, forked)
        check(daemon.status()["lost"] == 0 or daemon.status()["resyncs"] > 0, f"lost for good: {daemon.status()['events']}")
        for one in both:
            one.end()
    finally:
        world.stop_daemon()


NUMBERS = """
[[rule]]
name = "origin"
class = "ai"
program = "origin-of-it"
inherit = true
"""


@suite.case("who executes all the time while rules change their numbers is still of the class, and the rule, it comes from")
def renumbered(world):
    def text(turn):
        return "".join(f'[[rule]]\nname = "filler-{n}"\nclass = "vm"\nprogram = "never-{n}"\ninherit = true\n' for n in range(turn % 7)) + NUMBERS

    folder = world.rules(text(0), "numbers")
    daemon = daemon_without_governor(world, "--rules", folder)
    try:
        origin, shell = world.bin / "origin-of-it", world.bin / "executes"
        for one in (origin, shell):
            shutil.copy2(shutil.which("dash") or "/bin/sh", one)
        again = world.folder / "again.sh"
        again.write_text(f"exec {shell} {again}\n")
        pids = [world.adopt(subprocess.Popen([origin, again], env={}).pid) for _ in range(4)]
        for turn in range(1, 60):
            (folder / "numbers.toml").write_text(text(turn))
            daemon.process.send_signal(signal.SIGHUP)
            eventually("the reload", lambda turn=turn: daemon.status()["rules"]["count"] == turn % 7 + 1)
            for pid in pids:
                matches(daemon.explain(pid), klass="ai", rule="numbers:origin", level="ancestry")
    finally:
        world.stop_daemon()


raise SystemExit(suite.main())
