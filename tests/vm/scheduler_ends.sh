#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# How the scheduler begins and ends: attached under its name, refused beside another, ejected, killed, taken down, and
# every time the kernel's own scheduler is back; CPUs that come and go do not end it.
# kernels: 7.3 6.12
# shape: 4
# programs: tests/vm/sched_loader
. /vigil/lib/test.sh

sched=/sys/kernel/sched_ext
state_is() { [ "$(cat $sched/state)" = "$1" ]; }
cpu1() { echo "$1" >/sys/devices/system/cpu/cpu1/online; }

sched_loader --quiet >/tmp/first 2>&1 &
first=$!
check "it attaches" wait_for 20 state_is enabled
check "its name starts with vigil" grep -q '^vigil' $sched/root/ops

sched_loader >/tmp/second 2>&1
equal "a second scheduler is refused" 1 $?
check "... in a sentence that names the one in place" grep -q "'vigil_[^']*' is attached.*one at a time" /tmp/second

echo S >/proc/sysrq-trigger
check "SysRq-S ejects it" wait_for 10 state_is disabled
wait $first
equal "its loader notices" 3 $?
check "the exit record says SysRq-S" grep -q 'ejected by SysRq-S' /tmp/first

sched_loader >/tmp/third 2>&1 &
third=$!
check "it can be attached again after an ejection" wait_for 20 state_is enabled
kill -9 $third
check "after SIGKILL the kernel's scheduler is back" wait_for 10 state_is disabled

cpu1 0
sched_loader >/tmp/fourth 2>&1 &
fourth=$!
check "it attaches while a CPU is off" wait_for 20 state_is enabled
for round in 1 2 3 4 5; do
  cpu1 1
  usleep 200000
  cpu1 0
  usleep 200000
done
cpu1 1
check "it stays while a CPU goes and comes" state_is enabled
kill $fourth
wait $fourth
equal "SIGTERM takes it down" 0 $?
check "... and the kernel's scheduler is back" state_is disabled
finish
