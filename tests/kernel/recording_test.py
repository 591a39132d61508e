# SPDX-License-Identifier: GPL-2.0-only
"""A recording of a session on this machine, replayed offline, leads to the verdicts that were seen live.

With VIGIL_SAVE_RECORDING=FILE the session's own part of the recording is written there: that is how the fixtures in
tests/fixtures/recordings are made (see README.md there)."""

import json
import os
import pathlib
import re
import signal
import subprocess

from harness import DEADLINE, Suite, check, enter, equal, eventually

suite = Suite()
WINE = {"WINEPREFIX": "/p"}
STEAM = {"STEAM_COMPAT_DATA_PATH": "/c", "SteamAppId": "1091500"}

# struct vigil_ev_hdr (16 bytes), ppid, flags, uid, threads, comm (16), exe (64), and in the verdict the key at 88.
KIND_AT, TGID_AT = 0, 16 + 16 + 16 + 64 + 16 + 40
EV_EXIT = 3
EV_CGROUP = (5, 6)

# So little that a recording with all names of rules and atoms stays small; the kinds of rules that there are.
RULES = """
[[rule]]
name = "proton"
class = "gaming"
kind = "proton"
env = "STEAM_COMPAT_DATA_PATH"
also = { env = "SteamAppId" }
not_program = ["bash", "gcc"]
appid_from = { env = "SteamAppId" }
inherit = true

[[rule]]
name = "wine"
class = "gaming"
kind = "wine"
env = "WINEPREFIX"
any = { program = "wine64", arg = "*.exe" }
not_program = ["bash", "gcc"]
inherit = true

[[rule]]
name = "compilers"
class = "batch"
kind = "compiler"
program = ["gcc", "cc1"]

[[rule]]
name = "shells"
boundary = true
program = "bash"
priority = 600

[[rule]]
name = "qemu"
class = "vm"
kind = "generic"
exe = "qemu-system-*"

[[rule]]
name = "vcpu"
class = "vm"
kind = "vcpu"
thread = "CPU */KVM"
exe = "qemu-system-*"
vcpu = true

[[rule]]
name = "docker"
class = "container"
kind = "docker"
cgroup = "docker-*.scope"
"""


# What the session's processes become, in its order: what is inherited unchanged is no news.
VERDICTS = ["gaming", "regular", "gaming", "batch", "vm", "container"]


def session(world):
    """Something of everything. The pids that took part; all have ended."""
    pids = []

    def start(*words, **options):
        actor = world.start(*words, **options)
        pids.append(actor.pid)
        return actor

    game = start("Game-Main", "waitforexitandrun", env=STEAM)
    pids.append(game.tell("spawn", "clean", world.program("helper-process")))
    pids.append(game.tell("spawn", "keep", world.program("bash")))
    pids.append(game.tell("fork"))
    wine = start("launch-me", env=WINE)
    wine.tell("become", world.program("wine64"), "game.exe")
    wine.tell("become", world.program("Engine"), "x")
    pids.append(start("make-it", env=WINE).tell("spawn", "keep", world.program("gcc"), "-o", "hello.exe"))
    qemu = start("qemu-system-x86_64", env={})
    qemu.tell("thread", "CPU 0/KVM")
    qemu.tell("thread", "worker")
    server = start("server", env={})
    enter(world.container("docker"), server.pid)
    pids.append(server.tell("fork"))
    for actor in world.actors:
        actor.end()
    world.actors.clear()
    return pids


def replay(world, lines):
    path = world.folder / "session.rec"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = subprocess.run([world.replay, path], stdout=subprocess.PIPE, text=True)
    equal(done.returncode, 0, f"exit status of the replay ({done.stdout[-300:]})")
    return done.stdout


def record_session(world, daemon):
    """The recording's lines, the verdicts told live, and the pids of a session."""
    recorder = daemon.record()
    watcher = daemon.watch(everything=True)
    pids = session(world)
    # Each of them is told of when it ends, to both.
    for pid in pids:
        watcher.wait_for(f"the exit of {pid}", lambda line, pid=pid: line["event"] == "exit" and line["tgid"] == pid)
        recorder.wait_for(f"the exit of {pid}", lambda line, pid=pid: tgid_of(line) == pid and kind_of(line) == EV_EXIT)
    equal(recorder.start["recording"], 1, "the recording's version")
    return [recorder.start["header"], *recorder.lines], verdicts_in(watcher, pids), pids


def verdicts_in(watcher, pids):
    return [(line["pid"], line["class"], line["kind"], line["rule"]) for line in watcher.lines
            if line["event"] == "verdict" and line["tgid"] in pids]


def kind_of(line):
    return bytes.fromhex(line["record"])[KIND_AT] if "record" in line else 0


def tgid_of(line):
    if "record" not in line or kind_of(line) in EV_CGROUP:
        return 0
    record = bytes.fromhex(line["record"])
    return int.from_bytes(record[TGID_AT:TGID_AT + 4], "little")


def replayed_verdicts(text, tids):
    """The same tuples from the replay's lines `verdict PID COMM: CLASS (KIND) by RULE, Steam app N`."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"verdict (\d+) .*?: (\w+)(?: \((\S+)\))?(?: by (\S+?))?(?:, Steam app \d+)?(?:, profile \S+)?", line)
        check(match or not line.startswith("verdict "), f"a line that cannot be read: {line!r}")
        if match and int(match.group(1)) in tids:
            found.append((int(match.group(1)), match.group(2), match.group(3), match.group(4)))
    return found


@suite.case("a recording replayed offline gives the verdicts that were seen live, in their order")
def same_verdicts(world):
    daemon = world.daemon()
    lines, live, pids = record_session(world, daemon)
    offline = replayed_verdicts(replay(world, lines), {verdict[0] for verdict in live})
    equal([klass for pid, klass, _, _ in live if pid in pids], VERDICTS, "classes of the verdicts told live")
    equal(offline, live, "verdicts of the replay")


@suite.case("vigilctl record and vigilctl replay: the same verdicts")
def by_hand(world):
    daemon = world.daemon()
    path = world.folder / "by-hand.rec"
    vigilctl = world.program_path.with_name("vigilctl")
    recorder = subprocess.Popen([vigilctl, "--socket", daemon.socket, "record", path], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
    try:
        # It writes in blocks. The names of the built-in rules are more than one: then it is recording.
        eventually("the recording begins", lambda: path.exists() and path.stat().st_size > 0)
        watcher = daemon.watch(everything=True)
        pids = session(world)
        for pid in pids:
            watcher.wait_for(f"the exit of {pid}", lambda line, pid=pid: line["event"] == "exit" and line["tgid"] == pid)
        live = verdicts_in(watcher, pids)

        def is_written():
            world.start("more-to-write").end()
            whole_lines = [json.loads(line) for line in path.read_text().split("\n")[:-1]]
            return set(pids) <= {tgid_of(line) for line in whole_lines if kind_of(line) == EV_EXIT}
        eventually("the last exit is in the file", is_written)
    finally:
        recorder.send_signal(signal.SIGINT)
        said, _ = recorder.communicate(timeout=DEADLINE)
    equal(recorder.returncode, 0, f"exit status of vigilctl record ({said.strip()})")
    done = subprocess.run([vigilctl, "replay", path, "--json"], stdout=subprocess.PIPE, text=True, timeout=DEADLINE)
    equal(done.returncode, 0, "exit status of vigilctl replay")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    offline = [(line["pid"], line["class"], line["kind"], line["rule"]) for line in lines
               if line.get("event") == "verdict" and line["tgid"] in pids]
    equal([klass for pid, klass, _, _ in live if pid in pids], VERDICTS, "classes of the verdicts told live")
    equal(offline, live, "verdicts of the replay")


SECRETS = """
[[rule]]
name = "closer"
class = "ai"
exe = "looked-at"
env = "MY_MODE=a?c*"
"""


@suite.case("a secret in arguments and variables reaches no recording, stream, answer, log or bundle")
def no_secrets(world):
    # The rule needs the daemon to read the environment, the log says all it can.
    built_in = world.program_path.parent.parent / "tools" / "rules.d"
    daemon = world.start_daemon("--rules", built_in, "--rules", world.rules(SECRETS, "secrets"), "--log-level", "trace")
    try:
        recorder, watcher = daemon.record(), daemon.watch(everything=True)
        secret = "PASSWORD-hunter2"
        env = {**WINE, "TOKEN": secret, "MY_MODE": "abc" + secret, "LD_PRELOAD": "/" + secret, "SteamAppId": secret}
        game = world.start("wine64", "x.exe", "--token", secret, env=env)
        looked_at = world.start("looked-at", "--token=" + secret, env=env)
        eventually("the daemon has looked", lambda: daemon.explain(looked_at.pid)["class"] == "ai")
        answers = [json.dumps(daemon.explain(actor.pid)) for actor in (game, looked_at)]
        check("MY_MODE=a?c*" in answers[1], f"no evidence in {answers[1]}")
        bundle = world.folder / "bundle.txt"
        vigilctl = world.program_path.with_name("vigilctl")
        subprocess.run([vigilctl, "--socket", daemon.socket, "bundle", bundle], check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE)
        for actor in (game, looked_at):
            actor.end()
            world.actors.remove(actor)
            recorder.wait_for("its exit", lambda line, pid=actor.pid: tgid_of(line) == pid and kind_of(line) == EV_EXIT)
        check(any(line.get("facts", {}).get("tgid") == looked_at.pid for line in recorder.lines), "no closer look is recorded")
        texts = [text for line in recorder.lines for text in (json.dumps(line).encode(), bytes.fromhex(line.get("record", "")))]
        check(any(b"wine64" in text for text in texts), "the program is not in the recording at all")
        texts += [json.dumps(line).encode() for line in watcher.lines] + [text.encode() for text in answers]
        texts += [line.encode() for line in daemon.log if line] + [bundle.read_bytes()]
        for text in texts:
            check(secret.encode() not in text, f"the secret is in {text[:2000]}")
    finally:
        world.stop_daemon()


@suite.case("a person's word and what the daemon found out later are in the replay, too")
def later_verdicts(world):
    daemon = world.start_daemon("--rules", world.rules(SECRETS, "secrets"))
    try:
        recorder, watcher = daemon.record(), daemon.watch()
        looked_at = world.start("looked-at", env={"MY_MODE": "abc"})
        plain = world.start("plain", env={})
        daemon.call("class", pid=plain.pid, **{"class": "batch"})
        daemon.call("class", pid=plain.pid, **{"class": "auto"})
        pids = {looked_at.pid, plain.pid}
        for actor in (looked_at, plain):
            actor.end()
            world.actors.remove(actor)
            recorder.wait_for("its exit", lambda line, pid=actor.pid: tgid_of(line) == pid and kind_of(line) == EV_EXIT)
        for pid, klass in ((looked_at.pid, "ai"), (plain.pid, "regular")):
            watcher.wait_for(f"{klass}", lambda line: line["event"] == "verdict" and line["pid"] == pid and line["class"] == klass)
        live = verdicts_in(watcher, pids)
        equal([(klass, rule) for _, klass, _, rule in live], [("ai", "secrets:closer"), ("batch", "user"), ("regular", None)],
              "verdicts told live")
        offline = replayed_verdicts(replay(world, [recorder.start["header"], *recorder.lines]), pids)
        equal(offline, live, "verdicts of the replay")
    finally:
        world.stop_daemon()


@suite.case("a recording of a small set of rules is small, and stands alone")
def fixture(world):
    daemon = world.start_daemon("--rules", world.rules(RULES, "session"))
    try:
        lines, live, pids = record_session(world, daemon)
        ids = {bytes.fromhex(line["record"])[16:24] for line in lines if kind_of(line) in EV_CGROUP and
               b"docker-" in bytes.fromhex(line["record"])}
        own = [line for line in lines if "vigil_recording" in line or tgid_of(line) in pids or
               (kind_of(line) in EV_CGROUP and bytes.fromhex(line["record"])[16:24] in ids)]
        text = replay(world, own)
        equal(replayed_verdicts(text, {verdict[0] for verdict in live}), live, "verdicts of the replay")
        size = sum(len(json.dumps(line)) + 1 for line in own)
        check(size < 60 * 1024, f"it has {size} bytes")
        equal([klass for pid, klass, _, _ in live if pid in pids], VERDICTS, "classes of the verdicts told live")
        if path := os.environ.get("VIGIL_SAVE_RECORDING"):
            pathlib.Path(path).write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in own))
    finally:
        world.stop_daemon()


raise SystemExit(suite.main())
