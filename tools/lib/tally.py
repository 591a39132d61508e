# SPDX-License-Identifier: GPL-2.0-only
"""Counting test cases: the one closing line `N passed, N failed, N skipped` and what it is made of.

A test program may say its cases itself, a line each:
    ok NAME
    not ok NAME - WHY
    skip NAME - WHY
doctest programs say how many they had in their last lines. Anything else counts as one case by its exit status.
"""

import dataclasses
import re

CASE = re.compile(r"^(ok|not ok|skip) (.+?)(?: - (.*))?\s*$")
DOCTEST = re.compile(r"\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
SKIP_STATUS = 77


@dataclasses.dataclass
class Tally:
    passed: int = 0
    failures: list = dataclasses.field(default_factory=list)  # sentences
    skips: list = dataclasses.field(default_factory=list)

    def take_line(self, suite, line):
        """Counts a line that is a case; tells whether it was one."""
        found = CASE.match(line)
        if not found:
            return False
        verdict, name, why = found.groups()
        if verdict == "ok":
            self.passed += 1
        else:
            (self.failures if verdict == "not ok" else self.skips).append(f"{suite}: {name}" + (f": {why}" if why else ""))
        return True

    def take_program(self, suite, output, status):
        """Counts the cases of a test program that has ended."""
        before = len(self.failures)
        if status == SKIP_STATUS:
            said = [line for line in output.splitlines() if line.strip()]
            reason = next((line for line in said if "skip" in line.lower()), said[-1] if said else "it gave no reason")
            self.skips.append(f"{suite}: {reason.strip()}")
            return
        cases = [self.take_line(suite, line) for line in output.splitlines()]
        doctest = DOCTEST.search(output)
        if doctest:
            self.passed += int(doctest.group(2))
            failed = int(doctest.group(3))
            names = re.findall(r"^TEST CASE:\s+(.*)$", output, re.MULTILINE)
            names = list(dict.fromkeys(names))
            for number in range(failed):
                self.failures.append(f"{suite}: {names[number] if number < len(names) else 'a test case'}")
        if status == 0 and not doctest and not any(cases):
            self.passed += 1
        if status != 0 and len(self.failures) == before:
            self.failures.append(f"{suite}: it ended with status {status}")

    def add(self, other):
        self.passed += other.passed
        self.failures += other.failures
        self.skips += other.skips

    def closing(self):
        return f"{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped"
