# SPDX-License-Identifier: GPL-2.0-only
"""Without BPF: real processes, told by the netlink proc connector, classified in user space by the same rules.

Verdicts come after the fact here, so each is waited for. The daemon is started with `events = "proc-connector"`, and once with
every BPF capability taken away, which must lead to the same by itself."""

import os
import pathlib
import signal
import subprocess

from harness import Daemon, Failure, Skip, Suite, check, equal, eventually, matches

suite = Suite()
GAME = {"STEAM_COMPAT_DATA_PATH": "/x", "SteamAppId": "1091500"}


def settings(world, text='events = "proc-connector"\n'):
    path = world.folder / "vigil.toml"
    path.write_text(text)
    return path


def daemon(world):
    """One for all cases of this suite."""
    if not world.running:
        before = world.start("game-before", env=GAME)
        try:
            world.start_daemon("--config", settings(world))
        except Failure as why:
            raise Skip(f"needs the kernel's proc connector: {why}") if "proc connector" in str(why) else why
        world.keep()
        world.before = before
    return world.running


def explained(world, pid, klass):
    """Waits for the class; the whole answer."""
    answer = [None]

    def is_so():
        answer[0] = world.running.explain(pid)
        return answer[0]["class"] == klass
    try:
        eventually(f"pid {pid} is {klass}", is_so, 20)
    except Failure as why:
        raise Failure(f"{why}; it is {answer[0]}") from None
    return answer[0]


@suite.case("what ran before is classified at the start")
def before(world):
    running = daemon(world)
    matches(running.explain(world.before.pid), klass="gaming", source="daemon", steam_appid=1091500)


@suite.case("an exec is classified by the rules of the kernel half, and the answer says who, why and how late")
def executed(world):
    daemon(world)
    game = world.start("game", env=GAME)
    answer = explained(world, game.pid, "gaming")
    matches(answer, source="daemon", event="exec", steam_appid=1091500, evidence=lambda found: any("env " in each for each in found),
            decided_after_ns=lambda after: 0 < after < 5_000_000_000, rule=lambda name: name and name.startswith("games:"))


@suite.case("a compiler is batch, and what it forks without an exec is, too")
def forked(world):
    daemon(world)
    compiler = world.start("cc1plus")
    explained(world, compiler.pid, "batch")
    child = world.adopt(compiler.tell("fork"))
    matches(explained(world, child, "batch"), inherited_from=compiler.pid)


@suite.case("a thread's new name is noticed, and its loss")
def renamed(world):
    daemon(world)
    program = world.start("some-player")
    eventually("it is known", lambda: world.running.explain(program.pid)["event"] == "exec", 20)
    thread = program.tell("thread", "data-loop.0")
    matches(explained(world, thread, "latency"), tgid=program.pid, level="thread")
    matches(world.running.explain(program.pid), klass="regular")
    program.tell("rename", "AudioThread")
    explained(world, program.pid, "latency")
    program.tell("rename", "quiet")
    explained(world, program.pid, "regular")
    matches(world.running.explain(thread), klass="latency")


@suite.case("watch tells verdicts, and --all every fork, exec, rename and exit")
def watched(world):
    running = daemon(world)
    verdicts, everything = running.watch(), running.watch(everything=True)
    game = world.start("watched-game", env=GAME)
    line = verdicts.wait_for("the verdict", lambda line: line.get("pid") == game.pid and line["event"] == "verdict")
    equal(line["class"], "gaming", "the verdict's class")
    equal(line["source"], "daemon", "who decided")
    check(line["decided_after_ns"] > 0, f"decided after {line['decided_after_ns']} ns")
    pid = game.pid
    game.end()
    for kind in ("fork", "exec", "exit"):
        everything.wait_for(kind, lambda line, kind=kind: line["event"] == kind and line.get("tgid") == pid)


@suite.case("a person's word holds, for children, too, and can be taken back")
def person(world):
    running = daemon(world)
    program = world.start("nobody-knows")
    eventually("it is known", lambda: "ok" in running.control.ask("class", pid=program.pid, **{"class": "batch"}), 20)
    matches(running.explain(program.pid), klass="batch", source="user")
    child = world.adopt(program.tell("fork"))
    explained(world, child, "batch")
    running.call("class", pid=program.pid, **{"class": "auto"})
    matches(running.explain(program.pid), klass="regular")


@suite.case("status says what is lost; recording is refused with the reason")
def degraded(world):
    running = daemon(world)
    status = running.status()
    check(any("netlink" in sentence and "after the first instructions" in sentence for sentence in status["degraded"]),
          f"degraded says {status['degraded']}")
    check(status["events"]["exec"]["seen"] > 0, f"events are {status['events']}")
    check(status["classes"]["gaming"]["processes"] >= 1, f"classes are {status['classes']}")
    reply = running.control.ask("record")
    check(reply.get("error", {}).get("code") == "unavailable", f"record answers {reply}")


@suite.case("a storm that overruns the socket is made good by one look at all processes")
def storm(world):
    running = daemon(world)
    everything = running.watch(everything=True)
    os.kill(running.pid, signal.SIGSTOP)  # it cannot read now
    try:
        # A message of some 90 bytes counts for 700 and more of the 8 MiB that the socket holds.
        with subprocess.Popen([world.folder / "storm", "fork", "12000", "12000"], stdout=subprocess.PIPE, text=True) as storm:
            try:
                while (line := storm.stdout.readline()) and line != "done\n":
                    pass
            finally:
                storm.kill()
        game = world.start("game-in-storm", env=GAME)
    finally:
        os.kill(running.pid, signal.SIGCONT)
    explained(world, game.pid, "gaming")
    try:
        everything.wait_for("the loss made good", lambda line: line["event"] == "lost" and line["resynced"], 30)
    except Failure:
        raise Skip("the socket's buffer held the whole storm") from None


@suite.case("without any BPF capability it comes to the same by itself, and --check says so")
def unprivileged(world):
    drop = ["setpriv", "--bounding-set=-bpf,-sys_admin,-perfmon", "--inh-caps=-bpf,-sys_admin,-perfmon"]
    if subprocess.run([*drop, "true"], capture_output=True).returncode != 0:
        raise Skip("needs setpriv and the right to drop capabilities")
    if pathlib.Path("/proc/sys/kernel/unprivileged_bpf_disabled").read_text().strip() == "0":
        raise Skip("this kernel lets anyone load BPF programs")
    world.stop_daemon()
    script = world.folder / "without-bpf"
    script.write_text(f"#!/bin/sh\nexec {' '.join(drop)} {world.program_path} \"$@\"\n")
    script.chmod(0o755)
    checked = subprocess.run([script, "--check"], capture_output=True, text=True)
    equal(checked.returncode, 3, f"--check ends with: {checked.stdout}; its status")
    other = Daemon(script, world.folder)
    world.running = other
    other.wait_ready()
    matches(explained(world, world.start("game", env=GAME).pid, "gaming"), source="daemon")
    check(any("BPF programs cannot be used" in sentence for sentence in other.status()["degraded"]), f"{other.status()['degraded']}")


raise SystemExit(suite.main())
