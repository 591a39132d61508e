#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The daemon with its scheduler attached: classes reach scheduling, and every way in which the scheduler can end leaves the
# kernel's own in place, a sentence in the log, and classification going on.
# kernels: 7.3 6.12
# shape: 2ccd
# programs: scx_vigil vigilctl tests/vm/sched_loader
# files: /usr/share/vigil/rules.d=tools/rules.d /usr/share/vigil/profiles.d=tools/profiles.d
# time_limit: 240
. /vigil/lib/test.sh

sched=/sys/kernel/sched_ext
state_is() { [ "$(cat $sched/state)" = "$1" ]; }
said() { grep -q "$1" /tmp/log; }
status_has() { vigilctl status --json | grep -q "$1"; }
explain_has() { vigilctl explain "$1" --json | grep -q "$2"; }

env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 sleep 1000 &
before=$!

scx_vigil --mode schedule >/tmp/log 2>&1 &
daemon=$!
check "it says ready, in schedule mode" wait_for 60 said 'ready: schedule mode'
check "sched_ext is enabled" state_is enabled
check "the ops name starts with vigil" grep -q '^vigil' $sched/root/ops
check "status says schedule and the ops name" status_has '"ops":"vigil'
check "a game that ran before is gaming" explain_has $before '"class":"gaming"'

env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 sleep 1000 &
check "a game that starts is gaming" wait_for 5 explain_has $! '"class":"gaming"'
# That game's profile asks for the mode gaming.
check "a profile's mode changes the scheduler's numbers" wait_for 5 status_has '"from":8.0,"name":"gaming.share","to":16.0'
check "a mode can be chosen" vigilctl mode powersave
check "it goes before the profile's, and the kernel half has its numbers at once" status_has '"from":20000.0,"name":"lease_us","to":40000.0'
check "... and only its own" sh -c '! vigilctl status --json | grep -q gaming.share'
check "and back" vigilctl mode auto
# What is written to a terminal is carried on by unbound kernel workers.
promoted() { vigilctl stats --json | grep -q '"sched_workers_promoted","samples":\[{"labels":{},"value":[1-9]'; }
env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 dd if=/dev/zero of=/dev/ptmx bs=1 count=50000000 2>/dev/null &
writing=$!
check "kernel workers that serve a game are promoted" wait_for 20 promoted
kill $writing
cgroup=/sys/fs/cgroup/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope
mkdir $cgroup
sleep 1000 &
contained=$!
echo $contained >$cgroup/cgroup.procs
check "a process moved into a container's cgroup is container" wait_for 5 explain_has $contained '"class":"container"'
check "stats has the scheduler's counters" sh -c 'vigilctl stats --json | grep -q sched_switches'

scx_vigil --socket /tmp/other.sock --mode schedule >/tmp/second 2>&1
equal "a second daemon in schedule mode ends with 1" 1 $?
check "... and names the scheduler in place" grep -q "'vigil.*one at a time" /tmp/second

echo S >/proc/sysrq-trigger
check "SysRq-S gives the kernel's scheduler back" wait_for 10 state_is disabled
check "the log says why, and when it comes back" wait_for 10 said 'SysRq-S.*comes back in 1 min'
check "status says so, too" status_has 'SysRq'
check "it observes now" status_has '"mode":"observe"'
env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 sleep 1000 &
check "classification goes on" wait_for 5 explain_has $! '"class":"gaming"'
kill -HUP $daemon
check "a reload attaches it again" wait_for 30 state_is enabled

kill -9 $daemon
check "after SIGKILL the kernel's scheduler is back" wait_for 10 state_is disabled
sched_loader --quiet >/tmp/foreign 2>&1 &
foreign=$!
check "another scheduler takes the place" wait_for 30 state_is enabled
scx_vigil >/tmp/log 2>&1 &
daemon=$!
check "beside it the daemon observes" wait_for 60 said 'ready: observe mode'
check "... and says why" said "is attached, and the kernel takes one at a time"
kill $foreign
wait $foreign
check "when the other has gone, ours comes by itself" wait_for 30 state_is enabled
kill $daemon
wait $daemon
equal "SIGTERM ends it with 0" 0 $?
check "the kernel's scheduler is back" state_is disabled
cp /tmp/log /out/
finish
