#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Schedulers side by side under a game-like load, in guests whose clock counts instructions.

    tests/bench/sched_bench.py BUILD [--cpus 4|8] [--boots 3] [--rounds 3] [--seconds 10] [--set NAME=NUMBER]...

The kernel's own scheduler, the least a sched_ext scheduler can be (minimal.bpf.c) and ours, the same load (game_load.cpp), the
first round of each boot dropped. What figures mean and how far to trust them: README.md here.
"""

import argparse
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools/vm"))

from guest import Guest  # noqa: E402

SHAPES = {4: ("4", ""), 8: ("2ccd", "--llc 0-3 --llc 4-7")}
CLASSES = "--by-name /o/by_name.bpf.o --class gaming=game- --class latency=audio- --class latency=comp-"
WANTED = ("fps", "late_percent", "two_periods_late", "xruns", "hog_cpus", "nice0_to_nice5", "nice0_to_nice19",
          "forks_per_s", "trips_per_s", "background_cpus", "foreground_cpus", "switches_per_s")


def script(who, arguments, rounds, seconds, settings):
    start = {"eevdf": "true",
             "minimal": "sched_loader --cost --other /o/minimal.bpf.o >/tmp/loader 2>&1 &",
             "vigil": f"sched_loader --cost {arguments} {CLASSES} {settings} >/tmp/loader 2>&1 &"}[who]
    return f"""
{start}
loader=$!
[ ! -f /tmp/loader ] || until grep -q attached /tmp/loader || ! kill -0 $loader; do usleep 100000; done
sleep 1
game_load 1 >/dev/null
for round in $(seq {rounds}); do
  echo "round $round"
  game_load {seconds}
done
if [ -f /tmp/loader ]; then
  cat /sys/kernel/sched_ext/state
  kill $loader
  wait $loader
  cat /tmp/loader
fi
"""


def figures(text, cpus):
    """Name → one value a round."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in WANTED:
            found.setdefault(words[0], []).append(float(words[1]))
        match = re.match(r"(\w+)_us n \d+ p50 (\d+) p99 (\d+) p99.9 (\d+) max (\d+)", line)
        if match:
            name, p50, p99, p999, most = match.groups()
            found.setdefault(f"{name} p50 us", []).append(float(p50))
            found.setdefault(f"{name} p99 us", []).append(float(p99))
            found.setdefault(f"{name} max us", []).append(float(most))
    cost = re.search(r"bpf_ns (\d+)", text)
    switches = re.search(r"^switches (\d+)", text, re.M)
    if cost and switches:
        # Two nanoseconds an instruction, and while a program runs the other busy CPUs have their turns.
        found["BPF instructions a switch"] = [int(cost.group(1)) / 2 / cpus / int(switches.group(1))]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--cpus", type=int, choices=SHAPES, action="append")
    parser.add_argument("--who", choices=("eevdf", "minimal", "vigil"), action="append")
    parser.add_argument("--boots", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--kernel", default="7.3")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER")
    options = parser.parse_args()
    settings = " ".join(f"--set {setting}" for setting in options.set)
    for cpus in options.cpus or SHAPES:
        shape, arguments = SHAPES[cpus]
        table = {}
        for who in options.who or ("eevdf", "minimal", "vigil"):
            for _ in range(options.boots):
                guest = Guest(kernel=options.kernel, shape=shape, icount="shift=1,sleep=off",
                              # The RTC's timer follows the guest's clock: see game_load.cpp.
                              qemu_args=["-rtc", "base=utc,clock=vm"],
                              programs=[options.build / "tests/vm/sched_loader", options.build / "tests/bench/game_load"],
                              files={"/o/minimal.bpf.o": options.build / "tests/bench/minimal.bpf.o",
                                     "/o/by_name.bpf.o": options.build / "tests/vm/by_name.bpf.o"})
                result = guest.run(script(who, arguments, options.rounds, options.seconds, settings),
                                   time_limit=300 + 60 * options.rounds * options.seconds)
                if result.status not in (0, 3):
                    print(result.output[-2000:], file=sys.stderr)
                    return 1
                if who != "eevdf" and "\nenabled\n" not in result.output:
                    print(f"{who} was ejected", file=sys.stderr)
                for name, values in figures(result.output, cpus).items():
                    table.setdefault(name, {}).setdefault(who, []).extend(values)
        columns = options.who or ["eevdf", "minimal", "vigil"]
        print(f"\n{cpus} CPUs: median (least … most) of {options.boots} boots of {options.rounds} rounds of {options.seconds} s")
        print(f"{'':28}" + "".join(f"{who:>28}" for who in columns))
        for name, row in table.items():
            cells = []
            for who in columns:
                values = row.get(who)
                cells.append(f"{statistics.median(values):.5g} ({min(values):.5g} … {max(values):.5g})" if values else "–")
            print(f"{name:28}" + "".join(f"{cell:>28}" for cell in cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
