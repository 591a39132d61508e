# SPDX-License-Identifier: GPL-2.0-only
"""A verdict belongs to a process and its image, through everything processes do: pids used again, images replaced, names of
any length in any bytes, thousands of threads."""

import os
import pathlib
import resource

from harness import Failure, Skip, Suite, check, cpu_seconds, equal, eventually, matches

suite = Suite()
WINE = {"WINEPREFIX": "/home/p/.wine"}
PLAIN = {"HOME": "/home/p"}


@suite.case("a pid that is used again starts from nothing")
def pid_reuse(world):
    daemon = world.daemon()
    plain = world.start("plain", env=PLAIN)
    for _ in range(20):
        game = world.start("wine64", "C:\\game.exe", env=WINE)
        daemon.call("class", pid=game.pid, **{"class": "latency"})
        matches(daemon.explain(game.pid), klass="latency", source="user")
        world.actors.remove(game)
        game.end()
        try:
            again = plain.tell("forkpid", game.pid)
        except Failure as taken:
            if "File exists" in str(taken):
                continue  # someone else was faster
            raise Skip(f"needs a kernel that gives a pid on request: {taken}") from None
        equal(again, game.pid, "the pid of the new process")
        matches(daemon.explain(again), klass="regular", rule=None, source="kernel", comm="plain", ppid=plain.pid)
        return
    raise Skip("needs a pid that nobody takes in the meantime")


@suite.case("a program that forks twice to be a service keeps its class, under whoever took it in")
def daemonised(world):
    daemon = world.daemon()
    game = world.start("wine64", "C:\\game.exe", env=WINE)
    service = world.adopt(game.tell("orphan", world.program("wine-service-host")))
    matches(daemon.explain(service), klass="gaming", level="ancestry", ppid=lambda ppid: ppid != game.pid)
    world.actors.remove(game)
    game.end()
    matches(daemon.explain(service), klass="gaming", level="ancestry", comm="wine-service-ho")
    plain = world.start("plain", env=PLAIN)
    matches(daemon.explain(world.adopt(plain.tell("orphan", world.program("wine-service-host")))), klass="regular", rule=None)


@suite.case("executing again re-decides: into a game, out of it, and back")
def exec_again(world):
    daemon = world.daemon()
    process = world.start("launch-me", env=WINE)
    matches(daemon.explain(process.pid), klass="regular")
    process.tell("become", world.program("wine64"), "C:\\game.exe")
    matches(daemon.explain(process.pid), klass="gaming", rule="games:wine-prefix", level="image", inherited_from=None)
    process.tell("become", world.program("Game-Engine"), "--fullscreen")
    matches(daemon.explain(process.pid), klass="gaming", level="ancestry", comm="Game-Engine")
    process.tell("become", world.program("bash"), "-i")
    matches(daemon.explain(process.pid), klass="regular", comm="bash")
    process.tell("become", world.program("gcc"), "-O2")
    matches(daemon.explain(process.pid), klass="batch", comm="gcc")


@suite.case("exec from a thread that is not the leader decides for the process")
def exec_from_thread(world):
    daemon = world.daemon()
    process = world.start("launch-me", env=WINE)
    other = process.tell("thread", "other")
    process.tell("become_thread", world.program("wine64"), "C:\\game.exe")
    equal(process.tell("pid"), process.pid, "the pid after exec")
    matches(daemon.explain(process.pid), klass="gaming", rule="games:wine-prefix", tasks=1, tgid=process.pid)
    equal(daemon.control.ask("explain", pid=other).get("error", {}).get("code"), "not_found", "the old thread")
    # The thread that is now the leader was once told of as a thread: its exit is told as the process's.
    stream = daemon.watch(everything=True)
    process.end()
    world.actors.remove(process)
    stream.wait_for("the exit", lambda line: line["event"] == "exit" and line["tgid"] == process.pid)


@suite.case("a thread's own class goes with its thread when the process executes")
def vcpu_exec(world):
    daemon = world.daemon()
    qemu = world.start("qemu-system-x86_64", env=PLAIN)
    vcpu = qemu.tell("thread", "CPU 0/KVM")
    matches(daemon.explain(vcpu), klass="vm", level="thread")
    qemu.tell("rename", "CPU 1/KVM")
    matches(daemon.explain(qemu.pid), klass="vm", level="thread")
    qemu.tell("rename", "main")
    matches(daemon.explain(qemu.pid), klass="vm", level="image")
    qemu.tell("become", world.program("bash"), "x")
    matches(daemon.explain(qemu.pid), klass="regular", rule=None)


@suite.case("a script is known by its own name, not its interpreter's")
def script(world):
    daemon = world.daemon()
    interpreter = world.program("interp")
    for name, klass, rule in (("umu-run", "gaming", "games:umu"), ("ordinary", "regular", None)):
        path = world.bin / name
        path.write_text(f"#!{interpreter}\n")
        path.chmod(0o755)
        process = world.start(path, env={**WINE, "PROTONPATH": "/p"})
        matches(daemon.explain(process.pid), klass=klass, rule=rule, comm=name)
    world.stop_daemon()
    daemon = world.start_daemon()
    for actor, (klass, rule) in zip(world.actors, (("gaming", "games:umu"), ("regular", None))):
        matches(daemon.explain(actor.pid), klass=klass, rule=rule)


@suite.case("a program whose file is deleted while it runs keeps its class, also for a daemon that starts later")
def deleted(world):
    daemon = world.daemon()
    path = world.program("qemu-system-gone")
    vm = world.start(path, env=PLAIN)
    matches(daemon.explain(vm.pid), klass="vm", rule="vms:qemu")
    path.unlink()
    vcpu = vm.tell("thread", "CPU 3/KVM")
    matches(daemon.explain(vcpu), klass="vm", rule="vms:qemu-vcpu")
    world.stop_daemon()
    daemon = world.start_daemon()
    matches(daemon.explain(vm.pid), klass="vm", rule="vms:qemu")
    matches(daemon.explain(vcpu), klass="vm", rule="vms:qemu-vcpu")


NAMES = """
[[rule]]
name = "fifteen"
class = "ai"
program = "exactly-fifteen"
[[rule]]
name = "sixteen"
class = "vectordb"
program = "exactly-sixteen-"
[[rule]]
name = "long"
class = "latency"
program = "a-name-much-longer-than-what-comm-can-hold"
[[rule]]
name = "longest"
class = "interactive"
program = "%s"
[[rule]]
name = "thread-fifteen"
class = "gaming"
thread = "fifteen-bytes-n"
""" % ("x" * 62)


@suite.case("names of 15, 16 and more bytes are told apart")
def long_names(world):
    daemon = world.start_daemon("--rules", world.rules(NAMES, "names"))
    try:
        for name, klass in (("exactly-fifteen", "ai"), ("exactly-sixteen-", "vectordb"), ("exactly-fifteen-", "regular"),
                            ("exactly-sixteen", "regular"), ("a-name-much-longer-than-what-comm-can-hold", "latency"),
                            ("a-name-much-longer-than-what-comm-can-hold-", "regular"), ("a-name-much-lon", "regular"),
                            ("x" * 62, "interactive"), ("x" * 61, "regular"), ("x" * 63, "regular"), ("x" * 64, "regular"),
                            ("x" * 255, "regular")):
            process = world.start(name, env=PLAIN)
            matches(daemon.explain(process.pid), klass=klass, comm=name[:15])
        # The kernel cuts a thread's name to 15 bytes.
        process = world.start("plain", env=PLAIN)
        matches(daemon.explain(process.tell("thread", "fifteen-bytes-n")), klass="gaming", comm="fifteen-bytes-n")
        matches(daemon.explain(process.tell("thread", "fifteen-bytes-")), klass="regular")
        process.tell("rename", "fifteen-bytes-name-too-long")
        matches(daemon.explain(process.pid), klass="gaming", comm="fifteen-bytes-n")
    finally:
        world.stop_daemon()


@suite.case("names and arguments in any bytes: what is said of them is valid JSON")
def any_bytes(world):
    daemon = world.daemon()
    stream = daemon.watch(everything=True)
    for name in (b"\xff\xfe\x80name", b'quote"back\\slash', b"line\nbreak", b"\x01\x1b[31mred", "Gr\u00f6\u00dfe-\u6f22".encode(),
                 b"cut-in-the-mid\xc3\xa4"):
        process = world.start(world.program(name), b"\xff\xfe.exe", b'"\\\x01', env={b"WINEPREFIX": b"\xff/\x80"})
        # Whatever the bytes are, the argument ends with .exe.
        matches(daemon.explain(process.pid), klass="gaming", rule="games:wine-prefix", comm=lambda comm: isinstance(comm, str))
        process.tell("rename", b"\xf0\x9f\x98")
        matches(daemon.explain(process.pid), klass="gaming")
        line = stream.wait_for("the verdict", lambda line: line["event"] == "verdict" and line["pid"] == process.pid)
        equal(line["class"], "gaming", "the verdict told to a watcher")


@suite.case("a program executed with no arguments at all is decided by what it is")
def no_arguments(world):
    daemon = world.daemon()
    process = world.start("plain", env=WINE)
    process.tell("become", world.program("wine64"))
    equal(pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes(), b"\0", "the arguments the kernel made of none")
    matches(daemon.explain(process.pid), klass="gaming", rule="games:wine-prefix")
    process.tell("become", world.program("bash"))
    matches(daemon.explain(process.pid), klass="regular")


@suite.case("an environment of 128 KiB: what is at its beginning counts, and explain says that not all was looked at")
def large_environment(world):
    daemon = world.daemon()
    filling = {f"FILL_{n:03}": "x" * 2000 for n in range(64)}
    early = world.start("wine64", env={**WINE, **filling})
    matches(daemon.explain(early.pid), klass="gaming", truncated=lambda n: n > 0)
    late = world.start("wine64", env={**filling, **WINE})
    matches(daemon.explain(late.pid), truncated=lambda n: n > 0)
    small = world.start("wine64", env={**WINE, "FILL": "x" * 2000})
    matches(daemon.explain(small.pid), klass="gaming", truncated=0)


@suite.case("a variable of 100 KiB hides nothing behind it that is within 64 KiB, and breaks nothing")
def large_variable(world):
    daemon = world.daemon()
    before = world.start("wine64", env={**WINE, "FILL": "x" * 100_000})
    matches(daemon.explain(before.pid), klass="gaming", truncated=lambda n: n > 0)
    behind = world.start("wine64", env={"FILL": "x" * 30_000, **WINE})
    matches(daemon.explain(behind.pid), klass="gaming", truncated=0)


@suite.case("a variable set after exec is not seen, as nothing tells of it; the next exec does")
def setenv(world):
    daemon = world.daemon()
    process = world.start("wine64", env=PLAIN)
    process.tell("setenv", "WINEPREFIX", "/home/p/.wine")
    matches(daemon.explain(process.pid), klass="regular")
    process.tell("become", world.program("wine64"), "x")
    matches(daemon.explain(process.pid), klass="gaming")


@suite.case("a process that rewrites its arguments keeps its class")
def setproctitle(world):
    daemon = world.daemon()
    game = world.start("start-it", "C:\\Games\\a-rather-long-name.exe", env=WINE)
    game.tell("title", "idle")
    matches(daemon.explain(game.pid), klass="gaming")
    server = world.start("start-it", "a-rather-long-argument-that-leaves-room", env=WINE)
    server.tell("title", "now.exe")
    matches(daemon.explain(server.pid), klass="regular")


@suite.case("10,000 threads: each has the game's class, and so has each after a person's word")
def many_threads(world):
    count = 10_000
    limits = [int(pathlib.Path("/proc/sys/kernel/threads-max").read_text()), int(pathlib.Path("/proc/sys/kernel/pid_max").read_text()) - 4000,
              int(pathlib.Path("/proc/sys/vm/max_map_count").read_text()) // 2]
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    if min(limits) < count + 1000:
        raise Skip(f"needs limits that allow {count} threads, the lowest here is {min(limits)}")
    daemon = world.daemon()
    game = world.start("wine64", "C:\\game.exe", env=WINE)
    first, last = game.tell("threads", count)
    tids = sorted(int(name) for name in os.listdir(f"/proc/{game.pid}/task"))
    equal(len(tids), count + 1, "threads made")
    for tid in (first, last, *tids[::501]):
        matches(daemon.explain(tid), klass="gaming", tgid=game.pid, tasks=count + 1)
    equal(daemon.call("class", pid=game.pid, **{"class": "batch"}), {"pid": game.pid, "class": "batch", "tasks": count + 1},
          "the answer to class")
    for tid in (first, last, *tids[::501]):
        matches(daemon.explain(tid), klass="batch", source="user")
    world.stop_daemon()
    daemon = world.start_daemon()
    for tid in (first, last, *tids[::501]):
        matches(daemon.explain(tid), klass="gaming", tgid=game.pid)
    counted = daemon.status()["classes"]["gaming"]
    check(counted["tasks"] > count, f"status counts {counted}")


@suite.case("100,000 renames: the daemon does next to nothing, and the last name decides")
def rename_storm(world):
    daemon = world.daemon()
    qemu = world.start("qemu-system-x86_64", env=PLAIN)
    daemon.explain(qemu.pid)
    seen = daemon.status()["events"]["rename"]["seen"]
    before = cpu_seconds(daemon.pid)
    qemu.tell("renames", 100_000, "CPU 0/KVM")
    used = cpu_seconds(daemon.pid) - before
    matches(daemon.explain(qemu.pid), klass="vm", level="thread", comm="CPU 0/KVM")
    check(daemon.status()["events"]["rename"]["seen"] - seen >= 100_000, "the renames were not seen")
    # Others work on this machine too; a daemon that heard of each rename would use seconds.
    check(used <= 0.3, f"the daemon used {used:.2f} s of CPU")


@suite.case("a vanished pid is not found")
def vanished(world):
    daemon = world.daemon()
    process = world.start("plain", env=PLAIN)
    matches(daemon.explain(process.pid), klass="regular")
    world.actors.remove(process)
    process.end()
    for call in ({"call": "explain"}, {"call": "class", "class": "gaming"}):
        reply = eventually("the pid is free", lambda call=call: daemon.control.ask(pid=process.pid, **call))
        equal(reply.get("error", {}).get("code"), "not_found", f"{call['call']} of a pid that is gone")
        check(str(process.pid) in reply["error"]["message"], f"the message names the pid: {reply}")


raise SystemExit(suite.main())
