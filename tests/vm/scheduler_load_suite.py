# SPDX-License-Identifier: GPL-2.0-only
"""The scheduler under everything at once, on several shapes of machine, without being ejected.

A minute on two last-level caches, less on the other shapes; VIGIL_LONG=1: ten minutes on two caches.
"""

import os

from run_guests import Suite

LONG = os.environ.get("VIGIL_LONG") == "1"

SCRIPT = """
. /vigil/lib/test.sh
state_is() { [ "$(cat /sys/kernel/sched_ext/state)" = "$1" ]; }
sched_loader $LOADER >/out/loader.txt 2>&1 &
loader=$!
check "the scheduler is attached" wait_for 20 state_is enabled
mixed_load $SECONDS_OF_LOAD >/out/load.txt 2>&1
equal "$SECONDS_OF_LOAD s of mixed load did their work" 0 $?
cat /out/load.txt
check "the scheduler is still attached" state_is enabled
kill $loader
wait $loader
equal "it was not ejected" 0 $?
cat /out/loader.txt
finish
"""


def shape(name, shape, loader, seconds, kernels=("7.3", "6.12")):
    return Suite(name=f"scheduler_load_{name}", script=SCRIPT, shape=shape, kernels=kernels,
                 programs=("tests/vm/sched_loader", "tests/vm/mixed_load"),
                 environment={"LOADER": loader, "SECONDS_OF_LOAD": str(seconds)}, time_limit=seconds * 3 + 60)


# Everything asks for the first cache's CPUs there: tasks come and go between the sets all the time.
SUITES = [shape("2llc", "8", "--llc 0-3 --llc 4-7 --smt --vcache 0 --set regular.set=1", 600 if LONG else 60),
          shape("1cpu", "1", "", 20, ("7.3",)),
          shape("2cpu", "2", "--llc 0 --llc 1", 20, ("7.3",))]
