#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the suites of a build tree, Meson's and the guests', and ends with one line that counts every test case.

usage: run_tests.py --build DIR [--kernel VERSION]... [SUITE]...
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path += [str(ROOT / "tools/lib"), str(ROOT / "tools/vm"), str(ROOT / "tests/vm")]

from tally import Tally


def meson_tests(build):
    """[(name, suites)] of the build tree."""
    listing = json.loads(subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, text=True,
                                        check=True).stdout)
    return [(test["name"], [suite.partition(":")[2] or suite for suite in test["suite"]]) for test in listing]


def run_meson(build, names):
    """Runs the named tests with Meson's own progress on the terminal and counts their cases from its log."""
    log = pathlib.Path(build, "meson-logs", "testlog.json")
    log.unlink(missing_ok=True)
    tally = Tally()
    boring = ("ninja: ", "Ok: ", "Expected Fail:", "Fail: ", "Unexpected Pass:", "Skipped: ", "Timeout: ", "Full log")
    with subprocess.Popen(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs",
                           "--timeout-multiplier", "3", *names],
                          stdout=subprocess.PIPE, text=True) as meson:
        for line in meson.stdout:
            if line.strip() and not line.startswith(boring):
                print(line, end="", flush=True)
    seen = set()
    for line in log.read_text().splitlines() if log.exists() else []:
        test = json.loads(line)
        name = test["name"].partition(" / ")[2] or test["name"]
        suite = test["name"].partition(" / ")[0].partition(":")[2]
        seen.add(name)
        status = test.get("returncode", 1)
        if test["result"] == "TIMEOUT":
            tally.failures.append(f"{suite}/{name}: it ran past its time limit")
        elif test["result"] in ("OK", "SKIP", "EXPECTEDFAIL"):
            tally.take_program(f"{suite}/{name}", test.get("stdout", ""), 77 if test["result"] == "SKIP" else 0)
        else:
            tally.take_program(f"{suite}/{name}", test.get("stdout", ""), status or 1)
    for name in names:
        if name not in seen:
            tally.failures.append(f"{name}: Meson did not run it")
    return tally


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--kernel", action="append", help="only guests with this kernel")
    parser.add_argument("suites", nargs="*")
    arguments = parser.parse_args()
    wanted = set(arguments.suites)

    import run_guests
    tests = meson_tests(arguments.build)
    known = {"vm", *(name for name, _ in tests), *(suite for _, suites in tests for suite in suites),
             *(f"vm/{suite.name}" for suite in run_guests.suites())}
    unknown = wanted - known
    if unknown:
        sys.exit(f"no such suite or test: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")

    tally = Tally()
    chosen = list(dict.fromkeys(name for name, suites in tests if not wanted or wanted & {name, *suites}))
    if chosen:
        tally.add(run_meson(arguments.build, chosen))
    # Sanitizers make programs too slow for emulation; guests run with them only when asked for.
    every = not wanted and not arguments.build.endswith("asan")
    guests = [suite for suite in run_guests.suites() if every or wanted & {"vm", f"vm/{suite.name}"}]
    if not guests and not wanted:
        tally.skips.append("vm: guest suites run without sanitizers: tools/dev test vm")
    if guests:
        tally.add(run_guests.run(guests, arguments.build, arguments.kernel))

    print()
    for reason in tally.skips:
        print(f"skipped: {reason}")
    for failure in tally.failures:
        print(f"failed: {failure}")
    print(tally.closing())
    return 1 if tally.failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
