# SPDX-License-Identifier: GPL-2.0-only
"""Memory-bound processes on the running kernel, whatever it offers: what is not measured is nowhere a number, and nothing is
read, watched or woken while no such process runs. 5 seconds; 60 with VIGIL_LONG=1."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from harness import Suite, check, equal, eventually, switches

suite = Suite()
SECONDS = 60 if os.environ.get("VIGIL_LONG") == "1" else 5
LOAD = pathlib.Path(sys.argv[2]) / "vect_load"
DAMON = pathlib.Path("/sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds")

MEASURED = ("locality_score", "working_set_bytes", "hot_bytes", "warm_bytes", "cold_bytes", "access_hz", "moves_per_second",
            "hot_pages_by_node", "ran_by_node", "measured_ns", "near_node", "near_cpus", "lead_us", "watch_cost",
            "samples_per_second", "sample_us")


def settings(world, text):
    path = world.folder / "vigil.toml"
    path.write_text(text)
    return path


@contextlib.contextmanager
def load(world, *arguments):
    """A vector database by name: busy until the end, or asleep after SIGUSR1."""
    check(LOAD.exists(), f"{LOAD} was not built")
    program = world.folder / "vect_load"
    if not program.exists():
        shutil.copy(LOAD, program)
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        check(process.stdout.readline().startswith("ready"), "the load did not begin")
        yield process
    finally:
        process.kill()
        process.wait()


def metrics(daemon):
    return {metric["name"]: metric["samples"] for metric in daemon.call("stats")["metrics"]
            if metric["name"].startswith(("memory_", "damon_"))}


@suite.case("with every source absent no measure is a number, in explain, status and stats")
def absent(world):
    daemon = world.start_daemon("--config", settings(world, "[memory]\ndamon = false\n"))
    with load(world, "80", "8") as process:
        explained = eventually("it is a vector database", lambda: (lambda e: e if e["class"] == "vectordb" else None)(daemon.explain(process.pid)))
        time.sleep(1)
        explained = daemon.explain(process.pid)
        memory = explained["memory"]
        check(memory is not None, "explain has no memory part")
        for name in MEASURED:
            equal(memory[name], None, f"explain's {name}")
        equal(memory["watched"], False, "it is watched")
        equal(explained["cpu_preference"], None, "its CPU preference")
        for name, samples in metrics(daemon).items():
            for sample in samples:
                if "pid" in sample["labels"]:
                    equal(sample["value"], None, f"stats' {name}")
        status = daemon.status()["memory"]
        equal(status["processes"], 1, "memory-bound processes")
        equal(status["kworker_lead_us"], None, "the lead of kernel workers")
        check("memory_locality_score{" not in subprocess.run(
            [pathlib.Path(world.program_path).parent / "vigilctl", "--socket", daemon.socket, "stats", "--openmetrics"],
            capture_output=True, text=True).stdout, "OpenMetrics shows a score")


@suite.case("explain says nothing of memory for what is not memory-bound")
def others(world):
    daemon = world.daemon()
    equal(daemon.explain(os.getpid())["memory"], None, "memory")


@suite.case(f"no memory-bound process: {SECONDS} s without a read or a wake-up, and no kdamond")
def nobody(world):
    daemon = world.start_daemon("--rules", world.rules('[[rule]]\nname = "nobody"\nclass = "gaming"\nprogram = "no-program-of-this-name"\n'))
    kdamonds = DAMON.read_text() if DAMON.exists() else None
    before = metrics(daemon)
    records = sum(kind["reported"] for kind in daemon.status()["events"].values())
    eventually("the daemon goes to sleep", lambda: (lambda a: (time.sleep(0.3), a == switches(daemon.pid))[1])(switches(daemon.pid)))
    asleep = switches(daemon.pid)
    time.sleep(SECONDS)
    woken = switches(daemon.pid)[0] - asleep[0]
    trace = subprocess.run(["timeout", "-s", "INT", str(SECONDS), "strace", "-f", "-qq", "-p", str(daemon.pid)],
                           capture_output=True, text=True).stderr if shutil.which("strace") else ""
    told = sum(kind["reported"] for kind in daemon.status()["events"].values()) - records
    equal(metrics(daemon), before, "the counters of memory")
    for name in ("memory_wakeups", "memory_reports", "memory_page_queries", "memory_watches"):
        equal(before[name][0]["value"], 0, name)
    check("memory_aggregations" not in before, "the memory objects were loaded for nobody")
    if kdamonds is not None:
        equal(DAMON.read_text(), kdamonds, "the number of kdamonds")
    check(woken <= told, f"woken {woken} times, {told} records")
    if told == 0 and "AF_NETLINK" not in trace:  # nor did a device of this machine announce anything
        calls = [line for line in trace.splitlines() if line.strip() and "epoll_" not in line]  # the one it sleeps in
        check(not calls, f"system calls while nothing happened: {calls[:3]}")


@suite.case("a memory-bound process that sleeps is not watched and wakes nobody")
def asleep(world):
    daemon = world.start_daemon("--config", settings(world, "[memory]\ndamon = false\n"))
    with load(world, "8", "1") as process:
        eventually("it is known", lambda: daemon.status()["memory"]["processes"] == 1)
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.5)
        before = metrics(daemon)
        time.sleep(SECONDS)
        after = metrics(daemon)
        for name in ("memory_wakeups", "memory_reports", "memory_page_queries"):
            equal(after[name], before[name], name)
    eventually("its end is heard of", lambda: daemon.status()["memory"]["processes"] == 0)


raise SystemExit(suite.main())
