# SPDX-License-Identifier: GPL-2.0-only
"""How the daemon starts, refuses to, reloads and ends."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

from harness import DEADLINE, Control, Daemon, Skip, Suite, check, equal, eventually, matches

suite = Suite()
PLAIN = {"HOME": "/home/p"}

RULE = """
[[rule]]
name = "{name}"
class = "{klass}"
program = "{program}"
"""


def run(world, *options, status, environment=None, before=(), program=None):
    """Runs scx_vigil to an end that it is to come to by itself. What it said on stderr, on stdout."""
    process = subprocess.Popen([*before, program or world.program_path, *options], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment or dict(os.environ))
    try:
        said, complained = process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        check(False, f"scx_vigil {' '.join(map(str, options))} did not end")
    equal(process.returncode, status, f"exit status of scx_vigil {' '.join(map(str, options))} ({complained.strip()})")
    return complained, said


def one_sentence(text, *parts):
    """The complaint: one line (the log's own lines before it do not count), which names what it should."""
    last = text.strip().splitlines()[-1] if text.strip() else ""
    for part in parts:
        check(part in last, f"the last line does not say '{part}': {text!r}")
    return last


def has_sched_ext():
    return os.path.isdir("/sys/kernel/sched_ext")


@suite.case("a second daemon on the same socket refuses in a sentence and leaves the first alone")
def second(world):
    daemon = world.daemon()
    said, _ = run(world, "--mode", "observe", "--socket", daemon.socket, status=1)
    one_sentence(said, "another program already serves", str(daemon.socket))
    check(Control(daemon.socket).call("status")["pid"] == daemon.pid, "the first daemon is not served any more")
    game = world.start("wine64", "x.exe", env={"WINEPREFIX": "/p"})
    matches(daemon.explain(game.pid), klass="gaming")


@suite.case("two daemons on two sockets classify independently of each other")
def two(world):
    first = world.daemon()
    folder = world.folder / "second"
    folder.mkdir(exist_ok=True)
    other = Daemon(world.program_path, folder, ["--rules", world.rules(RULE.format(name="one", klass="ai", program="plain"))])
    try:
        other.wait_ready()
        process = world.start("plain", env=PLAIN)
        matches(first.explain(process.pid), klass="regular")
        matches(other.explain(process.pid), klass="ai", rule="test:one")
    finally:
        equal(other.stop(), 0, "exit status of the second daemon")
    matches(first.explain(process.pid), klass="regular")


@suite.case("SIGTERM and SIGINT: exit 0, the socket is gone, and the end is logged")
def terminate(world):
    for how in (signal.SIGTERM, signal.SIGINT):
        daemon = world.start_daemon()
        world.running = None
        equal(daemon.stop(how), 0, f"exit status after {how.name}")
        check(not daemon.socket.exists(), "the socket is still there")
        check("stopped" in daemon.said(), f"the end is not logged: {daemon.said()}")


@suite.case("SIGKILL leaves a stale socket; the next start takes it over and classifies what ran meanwhile")
def killed(world):
    daemon = world.start_daemon()
    world.running = None
    game = world.start("wine64", "x.exe", env={"WINEPREFIX": "/p"})
    equal(daemon.stop(signal.SIGKILL), -signal.SIGKILL, "exit status")
    check(daemon.socket.exists(), "a killed daemon cannot have removed its socket")
    later = world.start("wine64", "x.exe", env={"WINEPREFIX": "/p"})
    daemon = world.start_daemon()
    for process in (game, later):
        matches(daemon.explain(process.pid), klass="gaming")


@suite.case("what is in the socket's place and is no socket is left alone")
def occupied(world):
    path = world.folder / "precious"
    path.write_text("data")
    said, _ = run(world, "--mode", "observe", "--socket", path, status=1)
    one_sentence(said, "precious", "not a socket")
    equal(path.read_text(), "data", "the file")


@suite.case("SIGHUP with a new rule decides running processes again, with the old rule's verdicts gone")
def reload(world):
    folder = world.rules(RULE.format(name="first", klass="ai", program="subject") +
                         RULE.format(name="stays", klass="vm", program="constant"), "reload")
    daemon = world.start_daemon("--rules", folder)
    try:
        subject, constant, other = (world.start(name, env=PLAIN) for name in ("subject", "constant", "other"))
        thread = subject.tell("thread", "one")
        child = subject.tell("fork")
        matches(daemon.explain(subject.pid), klass="ai", rule="reload:first")
        (folder / "reload.toml").write_text(RULE.format(name="second", klass="batch", program="other") +
                                            RULE.format(name="stays", klass="vm", program="constant"))
        (folder / "more.toml").write_text(RULE.format(name="third", klass="latency", program="subject"))
        said = len(daemon.log)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("reloaded in", said)
        for pid in (subject.pid, thread, child):
            matches(daemon.explain(pid), klass="latency", rule="more:third", evidence=lambda found: len(found) > 0)
        matches(daemon.explain(constant.pid), klass="vm", rule="reload:stays")
        matches(daemon.explain(other.pid), klass="batch", rule="reload:second")
        matches(daemon.explain(world.start("subject", env=PLAIN).pid), klass="latency", rule="more:third")
        equal(daemon.status()["rules"]["count"], 3, "rules that status counts")
    finally:
        world.stop_daemon()


@suite.case("many reloads in a row: rules stay right and the daemon does not grow")
def reloads(world):
    folder = world.rules(RULE.format(name="one", klass="ai", program="subject"), "often")
    daemon = world.start_daemon("--rules", folder)
    try:
        subject = world.start("subject", env=PLAIN)

        def resident():
            return int(re.search(r"VmRSS:\s*(\d+)", pathlib.Path(f"/proc/{daemon.pid}/status").read_text()).group(1))

        early = 0
        for turn in range(9):  # the log lets ten lines of a kind through
            klass = ("ai", "vm")[turn % 2]
            (folder / "often.toml").write_text(RULE.format(name=f"turn-{turn}", klass=klass, program="subject"))
            said = len(daemon.log)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_log("reloaded in", said)
            matches(daemon.explain(subject.pid), klass=klass, rule=f"often:turn-{turn}")
            if turn == 2:
                early = resident()
        check(resident() < early + 1024, f"resident memory went from {early} to {resident()} KiB")
    finally:
        world.stop_daemon()


@suite.case("a child of something inherited keeps its class over a reload though its parent has exited")
def reload_orphan(world):
    daemon = world.daemon()
    game = world.start("wine64", "x.exe", env={"WINEPREFIX": "/p"})
    orphan = world.adopt(game.tell("orphan", world.program("helper-process")))
    matches(daemon.explain(orphan), klass="gaming", level="ancestry")
    said = len(daemon.log)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_log("reloaded in", said)
    matches(daemon.explain(orphan), klass="gaming", level="ancestry", rule="games:wine-prefix")


@suite.case("what was inherited from a rule that only the daemon can decide is kept over a reload, too")
def inherited_from_daemon(world):
    folder = world.rules(f'[[rule]]\nname = "by-path"\nclass = "vm"\nexe_path = "{world.bin}/kept-by-*-path"\ninherit = true\n', "by-path")
    daemon = world.start_daemon("--rules", folder)
    try:
        parent = world.start("kept-by-whole-path", env=PLAIN)
        eventually("the daemon decides", lambda: daemon.explain(parent.pid)["class"] == "vm")
        child = world.adopt(parent.tell("spawn", "keep", world.program("some-child")))
        matches(daemon.explain(child), klass="vm", rule="by-path:by-path", level="ancestry", source="daemon")
        (folder / "more.toml").write_text(RULE.format(name="other", klass="ai", program="nobody"))
        said = len(daemon.log)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("reloaded in", said)
        matches(daemon.explain(child), klass="vm", rule="by-path:by-path", level="ancestry", source="daemon")
        eventually("the daemon decides anew", lambda: daemon.explain(parent.pid)["class"] == "vm")
    finally:
        world.stop_daemon()


@suite.case("SIGHUP with a mistake in the rules keeps the old ones, and log and status name file, line and column until it is mended")
def broken_reload(world):
    folder = world.rules(RULE.format(name="first", klass="ai", program="subject"), "broken")
    daemon = world.start_daemon("--rules", folder)
    try:
        (folder / "broken.toml").write_text(RULE.format(name="first", klass="gmaing", program="subject"))
        said = len(daemon.log)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("what was in force stays in force", said)
        daemon.wait_log("broken.toml:4:", said)
        told = [sentence for sentence in daemon.status()["degraded"] if "is not in force" in sentence]
        check(len(told) == 1 and re.search(r"broken\.toml:4:\d+: unknown class 'gmaing'", told[0]) and
              "What was in force before stays in force" in told[0], f"status does not say it: {told}")
        matches(daemon.explain(world.start("subject", env=PLAIN).pid), klass="ai", rule="broken:first")
        (folder / "broken.toml").write_text("[[rule\n")
        said = len(daemon.log)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("broken.toml:1:", said)
        check(any("broken.toml:1:" in sentence for sentence in daemon.status()["degraded"]), "status does not name the new mistake")
        # Mended, and nobody says so: the watch of the folder takes it up.
        (folder / "broken.toml").write_text(RULE.format(name="first", klass="vm", program="subject"))
        eventually("the mended rule", lambda: daemon.explain(world.start("subject", env=PLAIN).pid)["class"] == "vm")
        check(not any("is not in force" in sentence for sentence in daemon.status()["degraded"]), "status still names the mistake")
    finally:
        world.stop_daemon()


@suite.case("mistakes in rules at start: exit 2, all of them at once, each with file, line and column")
def broken_start(world):
    folder = world.rules(RULE.format(name="a", klass="gmaing", program="x"), "wrong")
    (folder / "also.toml").write_text("[[rule]]\nname = \"b\"\nclass = \"ai\"\nprogam = \"x\"\n")
    said, _ = run(world, "--mode", "observe", "--socket", world.folder / "x.sock", "--rules", folder, status=2)
    check(re.search(r"wrong\.toml:4:\d+: .*gmaing", said), f"no place of the wrong class: {said}")
    check(re.search(r"also\.toml:4:\d+: .*progam", said), f"no place of the wrong key: {said}")
    check("gaming" in said, f"no hint at what was meant: {said}")
    check("not started: mend what is named" in said, f"no way on: {said}")


@suite.case("a mistake in a file of one's own at start: that file is left out, named in log and status, and taken up when it is mended")
def left_out(world):
    shipped = world.rules(RULE.format(name="first", klass="ai", program="subject"), "shipped")
    own = shipped.with_name("own-rules")
    own.mkdir()
    (own / "good.toml").write_text(RULE.format(name="good", klass="vm", program="helper-of-mine"))
    (own / "typo.toml").write_text(RULE.format(name="typo", klass="gmaing", program="other-of-mine"))
    (own / "gone.toml").symlink_to("/no/such/file")
    daemon = world.start_daemon("--rules", shipped, "--rules", own)
    try:
        said = daemon.wait_log("files with mistakes are left out")
        daemon.wait_log("gone.toml: cannot be taken: ", said)
        matches(daemon.explain(world.start("subject", env=PLAIN).pid), klass="ai", rule="shipped:first")
        matches(daemon.explain(world.start("helper-of-mine", env=PLAIN).pid), klass="vm", rule="good:good")
        matches(daemon.explain(world.start("other-of-mine", env=PLAIN).pid), klass="regular")
        told = [sentence for sentence in daemon.status()["degraded"] if "Left out at the start" in sentence]
        check(len(told) == 1 and re.search(r"typo\.toml:4:\d+: unknown class 'gmaing'.*\(and 1 more\)", told[0]), f"status does not say it: {told}")
        said = len(daemon.log)
        (own / "gone.toml").unlink()
        (own / "typo.toml").write_text(RULE.format(name="typo", klass="gaming", program="other-of-mine"))
        daemon.wait_log("rule files changed", said)
        matches(daemon.explain(world.start("other-of-mine", env=PLAIN).pid), klass="gaming", rule="typo:typo")
        check(not any("Left out" in sentence for sentence in daemon.status()["degraded"]), "status still names the mistake")
    finally:
        world.stop_daemon()


@suite.case("a rules folder that does not exist: exit 2, named")
def no_folder(world):
    said, _ = run(world, "--mode", "observe", "--rules", "/no/such/folder", status=2)
    one_sentence(said, "/no/such/folder", "no such folder")


@suite.case("a rules folder that vanishes keeps what was in force and says so; when it is back, its rules are taken up")
def folder_gone(world):
    folder = world.rules(RULE.format(name="mine", klass="vm", program="helper-of-mine"), "mine")
    config = world.folder / "folders.toml"
    # Not the shipped profiles: they name rules that are not there.
    none = world.folder / "no-profiles"
    none.mkdir()
    config.write_text(f'rules = ["{folder}"]\nprofiles = ["{none}"]\n')
    daemon = world.start_daemon("--config", config)
    try:
        elsewhere = folder.with_name("elsewhere")
        said = len(daemon.log)
        folder.rename(elsewhere)
        daemon.wait_log("the folder is gone", said)
        matches(daemon.explain(world.start("helper-of-mine", env=PLAIN).pid), klass="vm", rule="mine:mine")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("not reloaded, what was in force stays in force", said)
        matches(daemon.explain(world.start("helper-of-mine", env=PLAIN).pid), klass="vm", rule="mine:mine")
        elsewhere.rename(folder)
        (folder / "mine.toml").write_text(RULE.format(name="mine", klass="ai", program="helper-of-mine"))
        eventually("its rules are taken up", lambda: daemon.explain(world.start("helper-of-mine", env=PLAIN).pid)["class"] == "ai")
        # Emptied on purpose is not vanished.
        (folder / "mine.toml").unlink()
        eventually("no rules are no mistake", lambda: daemon.status()["rules"]["count"] == 0)
    finally:
        world.stop_daemon()


@suite.case("ananicy's rules, where they are installed, are evidence of last resort; lines that make no sense are named and passed over")
def ananicy(world):
    folder = world.folder / "ananicy.d"
    (folder / "games").mkdir(parents=True)
    (folder / "00.types").write_text('{ "type": "Game", "nice": -7 }\n{ "type": "BG_CPUIO", "nice": 19 }\n')
    (folder / "games" / "some.rules").write_text('{ "name": "Nobody Knows.exe", "type": "Game" }\nnonsense\n'
                                                 '{ "name": "nobody-knows", "type": "BG_CPUIO" }\n{ "name": "wine64", "type": "BG_CPUIO" }\n')
    config = world.folder / "ananicy.toml"
    config.write_text(f'ananicy = "{folder}"\n')
    early = world.start("nobody-knows", env=PLAIN)
    daemon = world.start_daemon("--config", config)
    try:
        daemon.wait_log("some.rules:2:1: not a JSON object", 0)
        matches(daemon.explain(early.pid), klass="batch", rule="ananicy:BG_CPUIO")
        matches(daemon.explain(world.start("nobody-knows", env=PLAIN).pid), klass="batch", rule="ananicy:BG_CPUIO", kind="ananicy",
                source="kernel", level="image", evidence=["ananicy's rules name nobody-knows"])
        matches(daemon.explain(world.start("some-loader", "C:\\Games\\Nobody Knows.exe", env=PLAIN).pid), klass="regular")
        loader = subprocess.Popen(["C:\\Games\\Nobody Knows.exe"], executable=world.program("some-loader"), env=PLAIN, stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL)
        eventually("it executes", lambda: daemon.explain(world.adopt(loader.pid))["event"] == "exec")
        matches(daemon.explain(loader.pid), klass="gaming", rule="ananicy:Game")
        # A rule of ours comes before, whatever its priority.
        matches(daemon.explain(world.start("wine64", "x.exe", env={**PLAIN, "WINEPREFIX": "/p"}).pid), klass="gaming", rule="games:wine-prefix")
        said = len(daemon.log)
        config.write_text("ananicy = false\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("reloaded in", said)
        matches(daemon.explain(early.pid), klass="regular", rule=None)
    finally:
        world.stop_daemon()


@suite.case("bad usage: exit 2, named")
def usage(world):
    for options, part in ((("--mode", "sometimes"), "mode"), (("--log-level", "loud"), "loud"), (("--nonsense",), "nonsense"),
                          (("--stats", "0"), "stats")):
        said, shown = run(world, *options, status=2)
        check(part in said + shown, f"{options}: '{part}' is not named in {said + shown!r}")


@suite.case("mistakes in the configuration file: exit 2 with file, line and column")
def config(world):
    path = world.folder / "vigil.toml"
    path.write_text("mode = \"sometimes\"\n")
    said, _ = run(world, "--config", path, "--socket", world.folder / "x.sock", status=2)
    check(re.search(r"vigil\.toml:1:\d+: ", said), f"no place of the mistake: {said}")
    said, _ = run(world, "--config", world.folder / "missing.toml", status=2)
    one_sentence(said, "missing.toml")


@suite.case("--version and --help answer and exit 0")
def version(world):
    _, shown = run(world, "--version", status=0)
    check(re.fullmatch(r"scx_vigil \d+\.\d+\.\d+\n", shown), f"the version is {shown!r}")
    _, shown = run(world, "--help", status=0)
    for option in ("--mode", "--config", "--rules", "--socket", "--sysfs-root", "--proc-root", "--simulate", "--log-level", "--stats",
                   "--monitor", "--check", "--version"):
        check(option in shown, f"--help does not speak of {option}")


@suite.case("--check says what this machine offers and exits as it should")
def check_machine(world):
    _, shown = run(world, "--check", status=0 if has_sched_ext() else 3)
    for line in ("root", "classification", "tracepoints", "cgroup v2"):
        check(re.search(rf"^{line}\s+ok", shown, re.MULTILINE), f"{line} is not ok: {shown}")
    wanted = r"^sched_ext\s+ok" if has_sched_ext() else r"^sched_ext\s+missing: .*, so Vigil observes only"
    check(re.search(wanted, shown, re.MULTILINE), f"no word on sched_ext: {shown}")


@suite.case("--mode schedule where the kernel has no sched_ext: exit 1 and one sentence")
def schedule(world):
    if has_sched_ext():
        raise Skip("needs a kernel without sched_ext")
    said, _ = run(world, "--mode", "schedule", "--socket", world.folder / "x.sock", status=1)
    one_sentence(said, "sched_ext")


@suite.case("auto mode where the kernel has no sched_ext: observes, and says why not more")
def automatic(world):
    if has_sched_ext():
        raise Skip("needs a kernel without sched_ext")
    folder = world.folder / "auto"
    folder.mkdir(exist_ok=True)
    daemon = Daemon(world.program_path, folder, mode="auto")
    try:
        daemon.wait_ready()
        status = daemon.status()
        equal((status["mode"], status["requested_mode"], status["ops"]), ("observe", "auto", None), "mode in status")
        check("sched_ext" in (status["why_not_more"] or ""), f"why not more: {status['why_not_more']}")
        check("observe" in daemon.said() and "sched_ext" in daemon.said(), f"the log does not say it: {daemon.said()}")
        game = world.start("wine64", "x.exe", env={"WINEPREFIX": "/p"})
        matches(daemon.explain(game.pid), klass="gaming")
    finally:
        equal(daemon.stop(), 0, "exit status")


@suite.case("without root: one sentence, exit 1; --check says so, too")
def without_root(world):
    if not shutil.which("setpriv"):
        raise Skip("needs setpriv")
    program = world.folder / "scx_vigil"
    shutil.copy2(world.program_path, program)
    rules = world.rules(RULE.format(name="one", klass="ai", program="x"))
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    said, _ = run(world, "--mode", "observe", "--rules", rules, "--socket", world.folder / "x.sock", status=1, before=nobody,
                  program=program)
    equal(len(said.strip().splitlines()), 1, f"lines said ({said!r})")
    one_sentence(said, "root", "sudo")
    _, shown = run(world, "--check", status=1, before=nobody, program=program)
    check("missing" in shown and "root" in shown, f"--check without root: {shown}")


@suite.case("the service manager hears READY, RELOADING and STOPPING, each with a sentence")
def notify(world):
    path = world.folder / "notify.sock"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(path))
    manager.settimeout(DEADLINE)

    def next_message(key):
        while True:
            fields = dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines())
            if key in fields:
                return fields

    daemon = world.start_daemon(environment={"NOTIFY_SOCKET": str(path)})
    world.running = None
    message = next_message("READY")
    equal(message["READY"], "1", "READY")
    check("observing" in message.get("STATUS", ""), f"the status: {message}")
    environment = pathlib.Path(f"/proc/{daemon.pid}/environ").read_bytes()
    check(b"NOTIFY_SOCKET" in environment, "the test did not set the variable")
    daemon.process.send_signal(signal.SIGHUP)
    message = next_message("RELOADING")
    equal(message["RELOADING"], "1", "RELOADING")
    check(int(message["MONOTONIC_USEC"]) > 0, "a reload needs its time (Type=notify-reload)")
    equal(next_message("READY")["READY"], "1", "READY after the reload")
    daemon.process.send_signal(signal.SIGTERM)
    equal(next_message("STOPPING")["STOPPING"], "1", "STOPPING")
    equal(daemon.stop(), 0, "exit status")
    manager.close()


@suite.case("ready is logged once, with the mode and the time it took")
def ready(world):
    daemon = world.start_daemon()
    lines = [line for line in daemon.log if line and "ready" in line]
    equal(len(lines), 1, "lines with the word")
    check(re.search(r"ready: observe mode after \d+ ms", lines[0]), f"it says {lines[0]!r}")
    status = daemon.status()
    check(status["ready_after_ns"] > 0, "status does not tell the time it took")
    check(len([line for line in daemon.log if line]) <= 12, f"a start needs more than a dozen lines: {daemon.said()}")


raise SystemExit(suite.main())
