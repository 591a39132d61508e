# SPDX-License-Identifier: GPL-2.0-only
"""An idle machine does not wake the daemon. The machine that runs this test is seldom idle: other people's programs start and
end on it. So what is shown is that the daemon sleeps unless it is told of something:

  with rules that match nothing here, nothing is told (but cgroups that someone makes), and it must not run at all;
  with the built-in rules it may run only for records that the kernel half reported in a longer interval.

A timer, a poll or a needless wake-up would show in both. 10 seconds; 60 with VIGIL_LONG=1."""

import os
import pathlib
import time

from harness import Suite, check, eventually, switches

suite = Suite()
SECONDS = 60 if os.environ.get("VIGIL_LONG") == "1" else 10

NOTHING = """
[[rule]]
name = "nobody"
class = "gaming"
program = "no-program-of-this-name"
"""


def reported(daemon):
    return sum(kind["reported"] for kind in daemon.status()["events"].values())


def settle(daemon):
    """Until the daemon has gone to sleep after what it was last asked."""
    last = [None]

    def unchanged():
        now, before = switches(daemon.pid), last[0]
        last[0] = now
        time.sleep(0.2)
        return now == before
    eventually("the daemon goes to sleep", unchanged)


def storm_lasts(daemon):
    return any(not storm["over"] for storm in daemon.status()["storms"])


def measure(daemon):
    """Context switches of the daemon in an interval, and records reported in a longer one around it. While somebody's storm of execs
    lasts, and once behind it, the daemon looks every 3.5 seconds whether it is over: each look counts as a record."""
    stormy = storm_lasts(daemon)
    records = reported(daemon)
    settle(daemon)
    before = switches(daemon.pid)
    time.sleep(SECONDS)
    after = switches(daemon.pid)
    records = reported(daemon) - records
    if stormy or storm_lasts(daemon):
        records += SECONDS // 3 + 2
    return after[0] - before[0], after[1] - before[1], records


@suite.case(f"{SECONDS} s with nothing to be told of: not one context switch")
def nothing(world):
    daemon = world.start_daemon("--rules", world.rules(NOTHING))
    voluntary, forced, records = measure(daemon)
    world.stop_daemon()
    check(voluntary <= records, f"{voluntary} voluntary context switches, {records} records")
    check(forced <= records, f"{forced} involuntary context switches, {records} records")


@suite.case(f"{SECONDS} s with the built-in rules: no context switch that no record asked for")
def ordinary(world):
    daemon = world.daemon()
    voluntary, forced, records = measure(daemon)
    # A record's answer may take reads of /proc that wait for the process's memory lock, or are interrupted.
    check(voluntary <= 3 * records, f"{voluntary} voluntary context switches, {records} records")
    check(forced <= 2 * records, f"{forced} involuntary context switches, {records} records")


@suite.case("the daemon has one thread, and at most 10 MiB resident")
def small(world):
    # The test runner has freed memory overwritten, which touches a mebibyte that would not be.
    daemon = world.start_daemon(environment={"MALLOC_PERTURB_": "0"})
    daemon.status()
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{daemon.pid}/status").read_text().splitlines())
    check(fields["Threads"].strip() == "1", f"{fields['Threads'].strip()} threads")
    resident = int(fields["VmRSS"].split()[0])
    if "asan" in pathlib.Path(f"/proc/{daemon.pid}/maps").read_text():
        return  # sanitizers need more
    check(resident <= 10 * 1024, f"{resident} KiB resident")


raise SystemExit(suite.main())
