# SPDX-License-Identifier: GPL-2.0-only
"""`class PID CLASS`: a person's word is above all else, for every thread, through exec, until exit or `auto`."""

from harness import Suite, check, enter, equal, matches

suite = Suite()
WINE = {"WINEPREFIX": "/home/p/.wine"}
PLAIN = {"HOME": "/home/p"}


def say(daemon, pid, klass):
    answer = daemon.call("class", pid=pid, **{"class": klass})
    equal(answer["pid"], pid, "the pid in the answer")
    return answer


@suite.case("every thread takes the class, also those that start later")
def threads(world):
    daemon = world.daemon()
    process = world.start("plain", env=PLAIN)
    tids = [process.pid, *process.tell("threads", 3)]
    answer = say(daemon, process.pid, "gaming")
    equal((answer["class"], answer["tasks"]), ("gaming", 4), "the class in force and for how many threads")
    tids.append(process.tell("thread", "later"))
    for tid in tids:
        matches(daemon.explain(tid), klass="gaming", source="user", level="user", rule="user", tgid=process.pid,
                evidence=lambda found: len(found) == 1)


@suite.case("the pid of any thread names the process")
def by_thread(world):
    daemon = world.daemon()
    process = world.start("plain", env=PLAIN)
    tid = process.tell("thread", "one")
    answer = say(daemon, tid, "batch")
    equal(answer["tasks"], 2, "threads that took it")
    matches(daemon.explain(process.pid), klass="batch", source="user")


@suite.case("children inherit it")
def children(world):
    daemon = world.daemon()
    process = world.start("plain", env=PLAIN)
    say(daemon, process.pid, "latency")
    matches(daemon.explain(process.tell("fork")), klass="latency", inherited_from=process.pid)
    matches(daemon.explain(process.tell("spawn", "clean", world.program("other"))), klass="latency", level="ancestry")


@suite.case("it outlives exec, whatever is executed")
def through_exec(world):
    daemon = world.daemon()
    process = world.start("plain", env=WINE)
    say(daemon, process.pid, "ai")
    for program in ("other", "wine64", "bash", "gcc"):
        process.tell("become", world.program(program), "foo.exe")
        matches(daemon.explain(process.pid), klass="ai", source="user", comm=program)


@suite.case("it is stronger than a rule, a thread's name and a cgroup")
def stronger(world):
    daemon = world.daemon()
    qemu = world.start("qemu-system-x86_64", env=PLAIN)
    vcpu = qemu.tell("thread", "CPU 0/KVM")
    matches(daemon.explain(vcpu), klass="vm")
    say(daemon, qemu.pid, "regular")
    enter(world.container("docker"), qemu.pid)
    for tid in (qemu.pid, vcpu):
        matches(daemon.explain(tid), klass="regular", source="user")


@suite.case("auto takes it back: what lies below shows again")
def auto(world):
    daemon = world.daemon()
    game = world.start("wine64", "C:\\game.exe", env=WINE)
    plain = world.start("plain", env=PLAIN)
    for process, before in ((game, "gaming"), (plain, "regular")):
        say(daemon, process.pid, "batch")
        matches(daemon.explain(process.pid), klass="batch")
        equal(say(daemon, process.pid, "auto")["class"], before, "the class in force after auto")
        matches(daemon.explain(process.pid), klass=before, source="kernel")
    equal(say(daemon, plain.pid, "auto")["class"], "regular", "auto where nothing was said")


@suite.case("a watcher hears of it")
def heard(world):
    daemon = world.daemon()
    process = world.start("plain", env=PLAIN)
    stream = daemon.watch()
    say(daemon, process.pid, "interactive")
    line = stream.wait_for("the verdict", lambda line: line["event"] == "verdict" and line["pid"] == process.pid)
    matches(line, klass="interactive", source="user", rule="user", tgid=process.pid, comm="plain",
            decided_after_ns=lambda ns: isinstance(ns, int))
    say(daemon, process.pid, "auto")
    line = stream.wait_for("its end", lambda line: line["event"] == "verdict" and line["class"] == "regular")
    matches(line, pid=process.pid, source="kernel")


@suite.case("it outlives a reload of the rules and a second look at everything")
def reload(world):
    daemon = world.daemon()
    process = world.start("plain", env=PLAIN)
    tid = process.tell("thread", "one")
    say(daemon, process.pid, "vectordb")
    said = len(daemon.log)
    daemon.process.send_signal(1)
    daemon.wait_log("reloaded in", said)
    for pid in (process.pid, tid):
        matches(daemon.explain(pid), klass="vectordb", source="user")
    equal(say(daemon, process.pid, "auto")["class"], "regular", "after auto")


@suite.case("a class that does not exist is refused, and nothing changes")
def refused(world):
    daemon = world.daemon()
    process = world.start("plain", env=PLAIN)
    for wrong in ("gmaing", "", 7, None):
        reply = daemon.control.ask("class", pid=process.pid, **{"class": wrong})
        equal(reply.get("error", {}).get("code"), "bad_request", f"the answer to class {wrong!r}")
    reply = daemon.control.ask("class", pid=-1, **{"class": "gaming"})
    equal(reply.get("error", {}).get("code"), "bad_request", "the answer to pid -1")
    matches(daemon.explain(process.pid), klass="regular", source="kernel")
    check(daemon.control.ask("nonsense")["error"]["code"] == "unknown_call", "an unknown call")


raise SystemExit(suite.main())
