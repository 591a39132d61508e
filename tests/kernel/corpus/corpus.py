#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The truth corpus (tests/fixtures/rules) as real processes on the running kernel.

Each described process is played by a small program under the described path, arguments, environment, thread name and cgroup, started out of a
process of the class it is said to come from. The daemon observes; what `explain` says is held against the truth. Twice: with the
daemon running, and with the processes there before it starts. Then what the kernel leaves to the daemon.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib

SKIP = 77


def v2_mount():
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return pathlib.Path(fields[1])
    return None


class Daemon:
    def __init__(self, program, folder, *rules):
        self.path = str(folder / "control.sock")
        self.log = open(folder / "daemon.log", "wb")
        folders = [word for one in rules for word in ("--rules", str(one))]
        # This very test executes like a build.
        config = folder / "vigil.toml"
        config.write_text("storm_execs = 0\n")
        folders += ["--config", str(config)]
        self.process = subprocess.Popen([program, "--mode", "observe", *folders, "--socket", self.path],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while b"ready" not in (folder / "daemon.log").read_bytes():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the daemon did not start:\n" + (folder / "daemon.log").read_text())
            time.sleep(0.05)
        self.connect()

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)
        self.lines = self.socket.makefile("rw")

    def explain(self, pid):
        self.lines.write(json.dumps({"call": "explain", "pid": pid}) + "\n")
        self.lines.flush()
        return json.loads(self.lines.readline())

    def stop(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


class Stage:
    """What the scene is played with."""

    def __init__(self, actor, folder, cgroups):
        self.actor, self.folder, self.cgroups, self.number, self.made = actor, folder, cgroups, 0, []

    def program(self, path):
        whole = self.folder / "root" / path.lstrip("/")
        whole.parent.mkdir(parents=True, exist_ok=True)
        if not whole.exists():
            os.link(self.actor, whole)
        return str(whole)

    def script(self, path, interpreter):
        whole = self.folder / "scripts" / str(self.number) / path.lstrip("/")
        whole.parent.mkdir(parents=True)
        whole.write_text("#!" + interpreter + "\n")
        whole.chmod(0o755)
        return str(whole)

    def plan(self, path, args, env):
        self.number += 1
        strings = [path, str(len(args)), *args, str(len(env)), *env]
        file = self.folder / f"plan-{self.number}"
        file.write_bytes(b"".join(os.fsencode(one) + b"\0" for one in strings))
        return str(file)

    def cgroup(self, path):
        group = self.cgroups / path.lstrip("/")
        for parent in [*reversed(group.relative_to(self.cgroups).parents), group.relative_to(self.cgroups)]:
            whole = self.cgroups / parent
            if not whole.exists():
                whole.mkdir()
                self.made.append(whole)
        return group

    def clear(self):
        for group in reversed(self.made):
            for _ in range(100):
                try:
                    group.rmdir()
                    break
                except OSError:
                    time.sleep(0.02)
        self.made = []


# How a process comes to be of a class that is handed on, or under a mark.
FORERUNNERS = {
    "gaming": ("/opt/fore/helper", ["LUTRIS_GAME_UUID=1"]),
    "ai": ("/opt/fore/ollama", []),
    "batch": ("/opt/fore/make", []),
    "steam": ("/opt/fore/steam", []),
    "steam-game": ("/opt/fore/helper", ["STEAM_COMPAT_DATA_PATH=/c", "SteamAppId=1"]),
    "gamescope": ("/opt/fore/gamescope", []),
}


# Whatever the test itself was started by ends here: an editor is a boundary.
NOBODY = ("/opt/fore/vim", [])


def forerunners(case):
    marks = case.get("marks", [])
    out = [NOBODY]
    out += [FORERUNNERS[mark] for mark in marks if mark != "steam-game"]
    if "steam-game" in marks:
        out.append(FORERUNNERS["steam-game"])
    elif case.get("before", "regular") != "regular":
        out.append(FORERUNNERS[case["before"]])
    return out


class Play:
    """One described process, running."""

    def __init__(self, stage, case):
        args = case.get("argv") or case["cmd"].split(" ")
        env = list(case.get("env", []))
        base = pathlib.PurePath(case.get("script") or case["exe"]).name
        if case.get("comm", base) != base:
            env.append("VIGIL_ACTOR_COMM=" + case["comm"])
        path = stage.program(case["exe"])
        if "script" in case:
            path, args = stage.script(case["script"], path), args[1:]
        for name, variables in reversed(forerunners(case)):
            plan = stage.plan(path, args, env)
            path, args, env = stage.program(name), [name], ["VIGIL_ACTOR_NEXT=" + plan, *variables]
        plan = stage.plan(path, args, env)
        group = stage.cgroup(case["cgroup"]) if "cgroup" in case else stage.cgroups
        ready_read, ready_write = os.pipe()
        hold_read, self.hold = os.pipe()

        def prepare():
            (group / "cgroup.procs").write_text(str(os.getpid()))
            os.dup2(os.dup(hold_read), 4)
            os.dup2(ready_write, 3)
            if "nice" in case.get("kernel", []):
                os.nice(5)

        self.process = subprocess.Popen([stage.actor], env={"VIGIL_ACTOR_NEXT": plan}, preexec_fn=prepare, close_fds=False,
                                        stderr=subprocess.DEVNULL)
        os.close(ready_write)
        os.close(hold_read)
        self.started = os.read(ready_read, 1) == b"\0"
        os.close(ready_read)

    def end(self):
        os.close(self.hold)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def differences(case, reply, sources=("kernel",)):
    if "ok" not in reply:
        return [str(reply)]
    said = reply["ok"]
    wrong = []
    for key, name in [("want", "class"), ("kind", "kind"), ("rule", "rule"), ("appid", "steam_appid")]:
        if key in case and (said.get(name) or 0 if key == "appid" else said.get(name)) != case[key]:
            wrong.append(f"{name} is {said.get(name)}, not {case[key]}")
    if said["class"] != "regular" and said["source"] not in sources:
        wrong.append(f"decided by {said['source']}")
    if wrong:
        wrong.append(f"rule {said.get('rule')}, evidence {said.get('evidence')}")
    return wrong


def guest_differences(case, daemon, pid):
    """The kind of a VM is told by its command line, which the daemon reads a moment after the exec."""
    if "guest" not in case:
        return []
    for _ in range(250):
        kind = daemon.explain(pid).get("ok", {}).get("kind")
        if kind == case["guest"]:
            return []
        time.sleep(0.02)
    return [f"the guest's kind is {kind}, not {case['guest']}"]


def cases(folder):
    for file in sorted(folder.glob("*.toml")):
        for number, case in enumerate(tomllib.loads(file.read_text())["process"], 1):
            yield f"{file.stem} {number} {pathlib.PurePath(case['exe']).name}", case


def playable(case, before_daemon):
    if not case["exe"] or "kthread" in case.get("kernel", []) or "storm" in case.get("kernel", []):
        return False  # only the kernel makes kernel threads, and build_storm_test.py storms
    return not (before_daemon and ("before" in case or "marks" in case))


# Rules that only a whole path or a full pattern can decide, and guests whose kind their command line tells.
LEFT_TO_DAEMON = """
[[rule]]
name = "path"
class = "gaming"
exe_path = "*/left/*/games/*"
[[rule]]
name = "pattern"
class = "ai"
exe = "*iddl*"
env = "LEFT_TO_DAEMON"
"""
LEFT_CASES = [
    ("a path pattern", {"exe": "/left/x/games/prog", "cmd": "prog", "want": "gaming", "rule": "left:path"}),
    ("a path pattern that does not match", {"exe": "/left/games/prog", "cmd": "prog", "want": "regular"}),
    ("a name pattern and a variable", {"exe": "/y/in-the-middle", "cmd": "x", "env": ["LEFT_TO_DAEMON=1"], "want": "ai", "rule": "left:pattern"}),
    ("a name pattern without its variable", {"exe": "/y/in-the-middle", "cmd": "x", "want": "regular"}),
    ("a guest that was given a card", {"exe": "/y/qemu-system-x86_64", "cmd": "qemu -device vfio-pci,host=01:00.0,x-vga=on", "want": "vm", "kind": "gaming"}),
    ("a guest for building", {"exe": "/y/qemu-system-x86_64", "cmd": "qemu -name guest=ci-runner-2,debug-threads=on", "want": "vm", "kind": "dev"}),
]


def left_to_daemon(stage, daemon, case):
    play = Play(stage, case)
    try:
        for _ in range(100):
            wrong = differences(case, daemon.explain(play.process.pid), ("kernel", "daemon"))
            if not wrong and case["want"] != "regular":
                break
            time.sleep(0.02)
        return wrong
    finally:
        play.end()


def perform(title, all_cases, judge):
    failed = 0
    for name, case in all_cases:
        wrong = judge(case)
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {title}: {name}" + (f" - {'; '.join(wrong)}" if wrong else ""), flush=True)
    return failed


def main():
    program, actor, rules, fixtures = sys.argv[1:5]
    if os.geteuid() != 0:
        print("skip corpus - needs root")
        return SKIP
    mount = v2_mount()
    if not mount or not os.path.exists("/sys/kernel/btf/vmlinux"):
        print("skip corpus - needs a cgroup2 mount and a kernel with BTF")
        return SKIP
    os.setpriority(os.PRIO_PROCESS, 0, 0)  # a niced test run would make everything batch
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vigil-corpus-"))
    home = mount / f"vigil-corpus-{os.getpid()}"
    home.mkdir()
    stage = Stage(str(shutil.copy(actor, folder / "actor")), folder, home)
    everything = list(cases(pathlib.Path(fixtures)))
    failed = 0
    try:
        daemon = Daemon(program, folder, rules)

        def live(case):
            play = Play(stage, case)
            try:
                if not play.started:
                    return ["it did not start"]
                wrong = differences(case, daemon.explain(play.process.pid), ("kernel", "daemon") if "guest" in case else ("kernel",))
                return wrong or guest_differences(case, daemon, play.process.pid)
            finally:
                play.end()
                stage.clear()

        failed += perform("as it starts", [one for one in everything if playable(one[1], False)], live)
        daemon.stop()

        chosen = [(name, case, Play(stage, case)) for name, case in everything if playable(case, True)]
        daemon = Daemon(program, folder, rules)
        plays = {id(case): play for _, case, play in chosen}
        failed += perform("there before", [(name, case) for name, case, _ in chosen],
                          lambda case: differences(case, daemon.explain(plays[id(case)].process.pid),
                                                   ("kernel", "daemon") if "guest" in case else ("kernel",)))
        for play in plays.values():
            play.end()
        daemon.stop()

        (folder / "rules").mkdir()
        (folder / "rules" / "left.toml").write_text(LEFT_TO_DAEMON)
        daemon = Daemon(program, folder, rules, folder / "rules")
        failed += perform("left to the daemon", LEFT_CASES, lambda case: left_to_daemon(stage, daemon, case))
        daemon.stop()
    finally:
        stage.clear()
        home.rmdir()
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
