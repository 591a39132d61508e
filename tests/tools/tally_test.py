#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The closing line of a test run must not flatter: what tools/lib/tally.py counts, case by case."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/lib"))
from tally import Tally

failed = 0


def case(name, output, status, passed, failures, skips):
    global failed
    tally = Tally()
    tally.take_program("s", output, status)
    found = (tally.passed, tally.failures, tally.skips)
    good = found == (passed, failures, skips)
    failed += not good
    print(f"{'ok' if good else 'not ok'} {name}" + ("" if good else f" - found {found}"))


DOCTEST = "[doctest] test cases:  {} |  {} passed | {} failed | 0 skipped\n[doctest] assertions: 9\n"

case("a silent program is one case", "", 0, 1, [], [])
case("a silent program that fails is one failure", "", 3, 0, ["s: it ended with status 3"], [])
case("lines are cases", "ok a\nnoise\nok b - fine\nskip c - no root\n", 0, 2, [], ["s: c: no root"])
case("a line may say that it failed", "ok a\nnot ok b - 1 is not 2\n", 1, 1, ["s: b: 1 is not 2"], [])
case("a failure that is printed counts whatever the status", "not ok b\n", 0, 0, ["s: b"], [])
case("a crash after good cases is a failure", "ok a\nok b\n", -11, 2, ["s: it ended with status -11"], [])
case("doctest's own count is used", DOCTEST.format(12, 12, 0), 0, 12, [], [])
case("doctest's failures are named", "TEST CASE:  maps: full\n\n" + DOCTEST.format(3, 2, 1), 1, 2, ["s: maps: full"], [])
case("a doctest program that crashes fails", DOCTEST.format(3, 3, 0), -6, 3, ["s: it ended with status -6"], [])
case("status 77 is a skip with its reason", "loading\nSKIP: needs root\n", 77, 0, [], ["s: SKIP: needs root"])
case("a skip without a reason says so", "", 77, 0, [], ["s: it gave no reason"])
tally = Tally(2, ["x"], ["y", "z"])
tally.add(Tally(3, [], ["w"]))
good = tally.closing() == "5 passed, 1 failed, 3 skipped"
failed += not good
print(f"{'ok' if good else 'not ok'} suites are summed in the closing line")
sys.exit(1 if failed else 0)
