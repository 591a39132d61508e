#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""vigilctl against the real daemon, observing the running kernel, as a user meets them.

Usage: real_daemon.py SCX_VIGIL VIGILCTL. Needs root and BTF; exits 77 with the reason where one is missing.
"""
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

SKIP = 77
SECRET = "hunter2-from-the-environment"
GAME = {"STEAM_COMPAT_DATA_PATH": "/tmp/prefix", "SteamAppId": "1091500", "STEAM_TOKEN": SECRET}
EXPLAIN_FIELDS = {"pid", "tgid", "comm", "class", "kind", "source", "rule", "evidence", "event", "decided_after_ns",
                  "inherited_from", "profile", "steam_appid", "cgroup", "tasks", "cpu_preference"}
VERDICT_FIELDS = {"event", "t_ns", "pid", "tgid", "comm", "class", "rule", "source", "decided_after_ns"}


def within(seconds, question):
    """The first true answer, or the last one when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(0.02)


class World:
    def __init__(self, daemon, ctl, folder):
        self.program, self.ctl, self.folder = daemon, ctl, folder
        self.socket = folder / "control.sock"
        self.log = folder / "daemon.log"
        self.children = []
        self.daemon = None

    def start(self):
        with open(self.log, "wb") as log:
            self.daemon = subprocess.Popen([self.program, "--mode", "observe", "--socket", self.socket], stdout=log, stderr=log)
        ready = within(60, lambda: self.daemon.poll() is not None or b"ready" in self.log.read_bytes())
        assert ready and self.daemon.poll() is None, "the daemon did not start:\n" + self.log.read_text()

    def run(self, *words, **options):
        return subprocess.run([self.ctl, "--socket", self.socket, *map(str, words)], capture_output=True, text=True,
                              timeout=60, **options)

    def json(self, *words):
        ran = self.run(*words, "--json")
        assert ran.returncode == 0, f"{words}: status {ran.returncode}: {ran.stderr}"
        assert ran.stdout.count("\n") == 1, f"{words}: one object on one line: {ran.stdout}"
        return json.loads(ran.stdout)

    def follow(self, *words):
        """A stream, once the daemon has begun it."""
        before = self.json("status")["pid"]
        assert before == self.daemon.pid
        # Into a file: a reader that pauses would make the daemon drop lines, which is not what is tried here.
        output = self.folder / f"stream{len(self.children)}"
        process = subprocess.Popen([self.ctl, "--socket", self.socket, *words], stdout=output.open("wb"))
        process.output = output
        self.children.append(process)
        time.sleep(0.5)
        return process

    def play(self, argv, extra=None, program=None):
        environment = {"PATH": os.environ["PATH"], **(extra or {})}
        child = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 executable=program)
        self.children.append(child)
        return child

    def game(self):
        # What exec saw is what counts: the name in argv[0], the environment, not the file.
        return self.play(["Z:/games/Game.exe", "300"], GAME, shutil.which("sleep"))

    def clean(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(20)


def interrupted(process):
    process.send_signal(signal.SIGINT)
    status = process.wait(20)
    assert status == 0, f"Ctrl-C is the ordinary end: status {status}"
    return process.output.read_text()


def explained(world, pid, klass):
    return within(10, lambda: (lambda told: told if told["class"] == klass else None)(world.json("explain", pid)))


# --- what is tried, in this order, with one daemon ------------------------------------------------------------------


def status_says_what_is_done(world):
    status = world.json("status")
    assert status["mode"] == "observe" and status["ops"] is None
    assert status["pid"] == world.daemon.pid
    assert status["rules"]["count"] > 0
    assert sum(each["processes"] for each in status["classes"].values()) > 1
    assert status["uptime_ns"] >= 0
    text = world.run("status").stdout
    assert "observes" in text and "\x1b" not in text, text


def a_game_is_known_in_the_kernel(world):
    game = world.game()
    told = explained(world, game.pid, "gaming")
    assert told, world.json("explain", game.pid)
    assert EXPLAIN_FIELDS <= told.keys(), EXPLAIN_FIELDS - told.keys()
    assert told["source"] == "kernel" and told["rule"] and told["evidence"] and told["steam_appid"] == 1091500, told
    assert told["tasks"] == 1 and told["event"] == "exec", told
    text = world.run("explain", game.pid).stdout
    assert told["rule"] in text and SECRET not in text, text


def a_plain_process_is_regular(world):
    plain = world.play(["sleep", "300"])
    told = world.json("explain", plain.pid)
    assert told["class"] == "regular" and told["rule"] is None, told


def a_person_beats_every_rule(world):
    game = world.game()
    assert explained(world, game.pid, "gaming")
    assert world.json("class", game.pid, "batch")["class"] == "batch"
    told = world.json("explain", game.pid)
    assert told["class"] == "batch" and told["source"] == "user", told
    assert world.json("class", game.pid, "auto")["class"] == "gaming"
    assert world.json("explain", game.pid)["source"] == "kernel"


def refusals_are_told_with_their_status(world):
    gone = world.play(["true"])
    gone.wait()
    ran = world.run("explain", gone.pid)
    assert ran.returncode == 1 and str(gone.pid) in ran.stderr, ran
    assert world.run("class", gone.pid, "vm").returncode == 1
    assert world.run("explain", "0").returncode == 2


def verdicts_are_seen_as_they_fall(world):
    watching = world.follow("watch", "--json")
    game = world.game()
    explained(world, game.pid, "gaming")
    time.sleep(0.5)
    lines = [json.loads(line) for line in interrupted(watching).splitlines()]
    mine = [line for line in lines if line["pid"] == game.pid and line["class"] == "gaming"]
    assert mine, f"no verdict on {game.pid} among {len(lines)} lines"
    assert VERDICT_FIELDS <= mine[0].keys(), mine[0]
    assert {line["event"] for line in lines} <= {"verdict", "lost"}, lines


def every_event_is_seen_on_request(world):
    watching = world.follow("watch", "--all", "--json")
    child = world.play(["sh", "-c", "true; exit 0"])
    child.wait()
    time.sleep(0.5)
    lines = [json.loads(line) for line in interrupted(watching).splitlines()]
    kinds = {line["event"] for line in lines if line.get("tgid") == child.pid}
    assert {"exec", "exit"} <= kinds, kinds
    assert any(line["event"] == "fork" for line in lines), {line["event"] for line in lines}


def figures_grow_and_are_openmetrics(world):
    def execs():
        for line in world.run("stats", "--openmetrics").stdout.splitlines():
            if line.startswith('vigil_events_seen_total{event="exec"} '):
                return int(line.rsplit(" ", 1)[1])
        raise AssertionError("no count of execs")

    before = execs()
    for _ in range(5):
        world.play(["true"]).wait()
    assert execs() >= before + 5
    text = world.run("stats", "--openmetrics").stdout
    assert text.endswith("# EOF\n")
    for line in text.splitlines():
        assert line.startswith("# ") or float(line.rsplit(" ", 1)[1]) >= 0, line


def a_recording_replays_to_the_same_verdicts(world):
    file = world.folder / "events.rec"
    recording = world.follow("record", str(file))
    game = world.game()
    explained(world, game.pid, "gaming")
    time.sleep(0.5)
    assert "recorded in" in interrupted(recording)
    assert SECRET not in file.read_text()
    replayed = [json.loads(line) for line in world.run("replay", file, "--json").stdout.splitlines()]
    mine = [line for line in replayed if line["event"] == "verdict" and line["pid"] == game.pid]
    assert mine and mine[-1]["class"] == "gaming" and mine[-1]["rule"], replayed[-5:]


def top_gives_a_snapshot_where_there_is_no_terminal(world):
    assert world.json("top")["status"]["pid"] == world.daemon.pid
    assert "observes" in world.run("top").stdout


def a_bug_report_tells_no_secrets(world):
    game = world.play([sys.executable, "-c", "import time; time.sleep(300)", f"--password={SECRET}"], GAME)
    file = world.folder / "report.txt"
    ran = world.run("bundle", file, env={**os.environ, "VIGIL_SECRET": SECRET})
    assert ran.returncode == 0, ran.stderr
    text = file.read_text()
    assert '"mode": "observe"' in text and "=== stats ===" in text and "=== preflight ===" in text
    assert SECRET not in text and os.uname().nodename not in text.split("=== status")[0]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert game.poll() is None


def doctor_asks_the_daemon_too(world):
    assert world.json("doctor")["daemon"]["mode"] == "observe"


def nobody_may_not_even_ask(world):
    assert stat.S_IMODE(world.socket.stat().st_mode) == 0o660
    os.chmod(world.folder, 0o755)
    # Programs of a build tree may lie where only their owner may go: the copy is for all.
    copy = world.folder / "vigilctl"
    copy.write_bytes(pathlib.Path(world.ctl).read_bytes())
    copy.chmod(0o755)
    ran = subprocess.run([copy, "--socket", world.socket, "status"], capture_output=True, text=True, user=65534, group=65534,
                         extra_groups=[], timeout=60)
    assert ran.returncode == 1 and "may not talk to the daemon" in ran.stderr, ran


def a_second_daemon_keeps_away(world):
    ran = subprocess.run([world.program, "--mode", "observe", "--socket", world.socket], capture_output=True, text=True,
                         timeout=60)
    assert ran.returncode == 1, ran
    assert "already serves" in ran.stdout + ran.stderr, ran
    assert world.json("status")["pid"] == world.daemon.pid


def a_reload_keeps_everything(world):
    game = world.game()
    assert explained(world, game.pid, "gaming")
    world.json("class", game.pid, "ai")
    world.daemon.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert world.json("explain", game.pid)["class"] == "ai"
    assert explained(world, world.game().pid, "gaming")


def a_stop_leaves_nothing_behind(world):
    watching = world.follow("watch", "--json")
    world.daemon.terminate()
    assert world.daemon.wait(20) == 0
    assert watching.wait(20) == 1
    assert not world.socket.exists()
    ran = world.run("status")
    assert ran.returncode == 3 and "No daemon is running" in ran.stderr, ran


def a_killed_daemon_is_followed_by_another(world):
    world.start()
    world.daemon.kill()
    world.daemon.wait(20)
    assert world.socket.exists() and world.run("status").returncode == 3
    world.start()
    assert world.json("status")["pid"] == world.daemon.pid


def main():
    if os.geteuid() != 0:
        print("skipped: needs root to load BPF programs")
        return SKIP
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        print("skipped: this kernel carries no BTF")
        return SKIP
    cases = [
        status_says_what_is_done, a_game_is_known_in_the_kernel, a_plain_process_is_regular, a_person_beats_every_rule,
        refusals_are_told_with_their_status, verdicts_are_seen_as_they_fall, every_event_is_seen_on_request,
        figures_grow_and_are_openmetrics, a_recording_replays_to_the_same_verdicts,
        top_gives_a_snapshot_where_there_is_no_terminal, a_bug_report_tells_no_secrets, doctor_asks_the_daemon_too,
        nobody_may_not_even_ask, a_second_daemon_keeps_away, a_reload_keeps_everything, a_stop_leaves_nothing_behind,
        a_killed_daemon_is_followed_by_another]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="vigil-ctl-") as folder:
        world = World(sys.argv[1], sys.argv[2], pathlib.Path(folder))
        try:
            world.start()
            for case in cases:
                try:
                    case(world)
                    print("ok    ", case.__name__.replace("_", " "))
                except Exception as error:  # one failure must not hide the next
                    failed += 1
                    print("FAILED", case.__name__.replace("_", " ") + ":", repr(error))
        finally:
            world.clean()
        if failed:
            print(world.log.read_text()[-4000:])
    return 1 if failed else 0


sys.exit(main())
