# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel suites share: cases that count themselves, a daemon of the build tree, processes under command.

A suite is a list of cases. Each is given the world: a folder of its own, programs under any name, the daemon. What a case
started is killed when it ends; the daemon stays for the next case unless the case stopped it.

Verdicts of the kernel half are in force before the first instruction of a new image, so they are compared at once, without
waiting. Only what the daemon does on its own time (log lines, streams) is waited for, with a deadline far beyond what a
busy machine needs.
"""

import collections
import contextlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

DEADLINE = 60.0  # seconds: for what takes milliseconds on a machine that is not busy
NO_ROOT = "needs root"


class Failure(Exception):
    """A case that does not hold, and why."""


class Skip(Exception):
    """A case that cannot be looked at here, and why."""


def check(holds, why):
    if not holds:
        raise Failure(why)


def equal(actual, expected, what):
    check(actual == expected, f"{what}: expected {expected!r}, found {actual!r}")


def eventually(what, function, deadline=DEADLINE):
    """Asks until the answer is not None or False. Only for what no event tells of."""
    end = time.monotonic() + deadline
    while True:
        answer = function()
        if answer is not None and answer is not False:
            return answer
        check(time.monotonic() < end, f"{what}: not within {deadline:.0f} seconds")
        time.sleep(0.02)


class Suite:
    def __init__(self):
        self.cases = []

    def case(self, name):
        def add(function):
            self.cases.append((name, function))
            return function
        return add

    def main(self):
        """argv: scx_vigil, the folder of the test programs, replay_recording; then names of cases, or parts of them, when not
        all are wanted."""
        daemon, programs, replay, *wanted = sys.argv[1:]
        cases = [(name, function) for name, function in self.cases
                 if not wanted or any(part in name for part in wanted)]
        if os.geteuid() != 0:
            for name, _ in cases:
                print(f"skip {name} - {NO_ROOT}")
            return 0
        sys.stdout.flush()
        return in_neutral_process(lambda: self.run(cases, daemon, programs, replay))

    @staticmethod
    def run(cases, daemon, programs, replay):
        failed = 0
        with World(daemon, programs, replay) as world:
            for name, function in cases:
                try:
                    function(world)
                    world.check_alive()
                    print(f"ok {name}", flush=True)
                except Skip as reason:
                    print(f"skip {name} - {reason}", flush=True)
                except Failure as why:
                    failed += 1
                    print(f"not ok {name} - {why}", flush=True)
                    world.show_log()
                except Exception as error:  # a test that breaks is a failed case, not the end of the others
                    failed += 1
                    print(f"not ok {name} - {type(error).__name__}: {error}", flush=True)
                    traceback.print_exc(file=sys.stdout)
                    world.show_log()
                finally:
                    world.clean_up()
        return 1 if failed else 0


def in_neutral_process(work):
    """Runs the work in a process that nothing is known of, whoever started the test: no ancestor in a build, not niced, in
    a cgroup that no rule speaks of. Its status."""
    ours, theirs = os.pipe()
    middle = os.fork()
    if middle == 0:
        if os.fork() != 0:
            os._exit(0)
        os.close(ours)
        status = 1
        try:
            os.setpriority(os.PRIO_PROCESS, 0, 0)
            with neutral_cgroup():
                status = work()
        except BaseException:
            traceback.print_exc(file=sys.stdout)
        finally:
            sys.stdout.flush()
            os.write(theirs, bytes([status]))
            os._exit(status)
    os.close(theirs)
    os.waitpid(middle, 0)
    said = os.read(ours, 1)
    return said[0] if said else 1


def unified_root():
    """Where the v2 hierarchy is: /sys/fs/cgroup, or a folder in it where v1 is mounted, too. None without one."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] == "cgroup2":
            return pathlib.Path(before.split()[4])
    return None


@contextlib.contextmanager
def neutral_cgroup():
    root = unified_root()
    own = root / f"vigil-test-{os.getpid()}" if root else None
    try:
        if own:
            own.mkdir()
            enter(own, 0)
    except OSError:
        own = None  # read-only: wherever we are then
    try:
        yield
    finally:
        if own:
            enter(root, 0)
            World.remove_cgroup(own)


class Control:
    """One connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(path))
        self.buffer = b""

    def close(self):
        self.socket.close()

    def line(self, deadline=DEADLINE):
        self.socket.settimeout(max(deadline, 0.001))
        while b"\n" not in self.buffer:
            try:
                data = self.socket.recv(1 << 16)
            except TimeoutError:
                return None
            check(data, "the daemon closed the connection")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        # Whatever bytes a process has in its name, what is said of it is JSON in UTF-8.
        return json.loads(line.decode("utf-8", "strict"))

    def ask(self, call, **fields):
        """The whole reply, {"ok": …} or {"error": …}."""
        self.socket.sendall(json.dumps({"call": call, **fields}).encode() + b"\n")
        reply = self.line()
        check(reply is not None, f"no reply to {call}")
        return reply

    def call(self, call, **fields):
        reply = self.ask(call, **fields)
        check("ok" in reply, f"{call} {fields}: {reply}")
        return reply["ok"]


class Stream:
    """A connection that watches or records; lines are kept in order as they come."""

    def __init__(self, path, call, **fields):
        self.control = Control(path)
        self.start = self.control.call(call, **fields)
        self.lines = []

    def wait_for(self, what, predicate, deadline=DEADLINE):
        """The first line, seen already or to come, that the predicate holds for."""
        for line in self.lines:
            if predicate(line):
                return line
        end = time.monotonic() + deadline
        while (left := end - time.monotonic()) > 0:
            line = self.control.line(left)
            if line is None:
                break
            self.lines.append(line)
            if predicate(line):
                return line
        raise Failure(f"the stream never told of {what}; its last lines are {self.lines[-3:]}")

    def close(self):
        self.control.close()


class Daemon:
    """A scx_vigil of the build tree on a socket of its own, in observe mode unless told otherwise."""

    def __init__(self, program, folder, options=(), environment=None, mode="observe"):
        self.socket = folder / "control.sock"
        self.log = []
        self.log_changed = threading.Condition()
        self.process = subprocess.Popen(
            [program, "--mode", mode, "--socket", self.socket, *options], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**{key: value for key, value in os.environ.items() if key not in ("JOURNAL_STREAM", "NOTIFY_SOCKET")},
                 **(environment or {})})
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        self.pid = self.process.pid
        self.control = None
        self.streams = []

    def read_log(self):
        for line in self.process.stderr:
            with self.log_changed:
                self.log.append(line.rstrip("\n"))
                self.log_changed.notify_all()
        with self.log_changed:
            self.log.append(None)
            self.log_changed.notify_all()

    def wait_log(self, text, since=0, deadline=DEADLINE):
        """Waits for a log line with this text; its number + 1, for the next wait."""
        end = time.monotonic() + deadline
        with self.log_changed:
            while True:
                for number in range(since, len(self.log)):
                    if self.log[number] is None:
                        raise Failure(f"the daemon ended before it said '{text}': {self.said()}")
                    if text in self.log[number]:
                        return number + 1
                since = len(self.log)
                left = end - time.monotonic()
                if left <= 0:
                    raise Failure(f"the daemon did not say '{text}': {self.said()}")
                self.log_changed.wait(left)

    def said(self):
        return " | ".join(line for line in self.log if line is not None)

    def wait_ready(self):
        self.wait_log("ready")
        self.control = Control(self.socket)
        return self

    def call(self, call, **fields):
        return self.control.call(call, **fields)

    def explain(self, pid):
        return self.call("explain", pid=pid)

    def status(self):
        return self.call("status")

    def watch(self, everything=False):
        stream = Stream(self.socket, "watch", all=everything)
        self.streams.append(stream)
        return stream

    def record(self):
        stream = Stream(self.socket, "record")
        self.streams.append(stream)
        return stream

    def close_streams(self):
        for stream in self.streams:
            stream.close()
        self.streams.clear()

    def wait_exit(self, deadline=DEADLINE):
        try:
            status = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise Failure("the daemon did not end") from None
        self.reader.join(deadline)
        return status

    def stop(self, how=signal.SIGTERM):
        self.close_streams()
        if self.control:
            self.control.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait_exit()


class Actor:
    """A process that obeys: see programs/actor.c."""

    def __init__(self, path, arguments, env, before=None):
        self.process = subprocess.Popen([os.fsencode(path.name if isinstance(path, pathlib.Path) else path), *arguments],
                                        executable=path, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=before)
        self.pid = self.process.pid
        self.expect("ready")

    def expect(self, text):
        line = self.process.stdout.readline().decode().rstrip("\n")
        check(line == text, f"a test process said '{line}' instead of '{text}'")

    def tell(self, *words):
        """Gives an order; the answer's numbers, or None for `ok`."""
        line = b"\t".join(os.fsencode(str(word)) if not isinstance(word, bytes) else word for word in words)
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().rstrip("\n")
        check(answer and not answer.startswith("error"), f"a test process could not {words}: {answer}")
        if answer in ("ok", "ready"):
            return None
        numbers = [int(number) for number in answer.split()]
        return numbers[0] if len(numbers) == 1 else numbers

    def end(self):
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class World:
    def __init__(self, daemon, programs, replay):
        self.program_path = pathlib.Path(daemon).resolve()
        self.programs = pathlib.Path(programs).resolve()
        self.replay = pathlib.Path(replay).resolve()
        self.running = None
        self.actors = []
        self.pids = []
        self.cgroups = []
        self.kept = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vigil-kernel-"))
        self.folder.chmod(0o755)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for name in ("actor", "storm", "pager"):
            if (self.programs / name).exists():  # a suite is built with those it needs
                shutil.copy2(self.programs / name, self.folder / name)
        return self

    def __exit__(self, *_):
        self.clean_up()
        if self.kept:
            self.actors, self.pids, self.cgroups = self.kept
            self.clean_up()
        self.stop_daemon()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the daemon

    def daemon(self):
        """The daemon with the rules of the build tree; started when it does not run."""
        if not self.running:
            self.start_daemon()
        return self.running

    def start_daemon(self, *options, environment=None):
        self.stop_daemon()
        daemon = Daemon(self.program_path, self.folder, options, environment)
        try:
            daemon.wait_ready()
        except Failure:
            daemon.stop(signal.SIGKILL)
            raise
        self.running = daemon
        return daemon

    def stop_daemon(self):
        running, self.running = self.running, None
        if running:
            status = running.stop()
            check(status == 0, f"the daemon ended with status {status}: {running.said()}")

    def abandon_daemon(self):
        """It has ended, or is not to be asked again."""
        running, self.running = self.running, None
        if running and running.process.poll() is None:
            running.process.kill()
            running.wait_exit()

    def check_alive(self):
        if self.running:
            check(self.running.process.poll() is None, f"the daemon has died: {self.running.said()}")

    def show_log(self):
        if self.running:
            for line in self.running.log[-15:]:
                print(f"    {line}")

    def rules(self, text, name="test"):
        """A folder with one file of rules."""
        folder = self.folder / f"rules-{name}"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.toml").write_text(text)
        return folder

    # --- processes

    def program(self, name, of="actor"):
        """A program under this name (str or bytes), the executable file's own."""
        path = os.path.join(os.fsencode(self.bin), os.fsencode(name))
        if not os.path.exists(path):
            os.link(self.folder / of, path)
        return pathlib.Path(os.fsdecode(path))

    def start(self, name, *arguments, env=None, before=None):
        """An actor under this name. Its environment is what is given and nothing else."""
        path = name if isinstance(name, pathlib.Path) else self.program(name)
        actor = Actor(path, arguments, dict(env or {}), before)
        self.actors.append(actor)
        return actor

    def keep(self):
        """What was started so far stays until the suite ends."""
        self.kept = (self.actors, self.pids, self.cgroups)
        self.actors, self.pids, self.cgroups = [], [], []

    def adopt(self, pid):
        """To be killed when the case ends."""
        self.pids.append(pid)
        return pid

    def clean_up(self):
        if self.running:
            self.running.close_streams()
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.pids.clear()
        for actor in self.actors:
            actor.end()
        self.actors.clear()
        for path in reversed(self.cgroups):
            with contextlib.suppress(OSError):
                (path / "cgroup.kill").write_text("1")
            eventually(f"{path} is empty", lambda path=path: self.remove_cgroup(path))
        self.cgroups.clear()

    @staticmethod
    def remove_cgroup(path):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    # --- cgroups

    def unified(self):
        root = unified_root()
        if not root:
            raise Skip("needs a mounted cgroup v2 hierarchy")
        return root

    def cgroup(self, name, within=None):
        path = (within or self.unified()) / name
        try:
            path.mkdir()
        except PermissionError as error:
            raise Skip(f"needs to make cgroups: {error}") from None
        self.cgroups.append(path)
        return path

    def container(self, engine):
        """A cgroup as a container engine makes one."""
        return self.cgroup(f"{engine}-{secrets.token_hex(32)}.scope")


def enter(cgroup, pid):
    (cgroup / "cgroup.procs").write_text(str(pid))


def matches(answer, **expected):
    """Fails with every field that is not as expected. A callable is asked about the field."""
    wrong = []
    for key, value in expected.items():
        found = answer.get("class" if key == "klass" else key)
        if not (value(found) if callable(value) else found == value):
            wrong.append(f"{key} is {found!r}" + ("" if callable(value) else f", not {value!r}"))
    check(not wrong, f"pid {answer.get('pid')} ({answer.get('comm')}): {'; '.join(wrong)}; it is {json.dumps(answer)}")


def switches(pid):
    """Voluntary and involuntary context switches of every thread of a process."""
    total = collections.Counter()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if "ctxt_switches" in line:
                name, _, value = line.partition(":")
                total[name] += int(value)
    return total["voluntary_ctxt_switches"], total["nonvoluntary_ctxt_switches"]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
