#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The way down and back: an ejection brings the plain policy, and the full policy comes back by itself; ejected from both, there is
# the kernel's own scheduler, with classification going on, until a person asks again. The ejections are real: a real-time hog keeps a task waiting until the kernel's
# watchdog has had enough. Modes change the numbers of the scheduler that runs.
# kernels: 6.12
# long_kernels: 7.3
# shape: 2
# programs: scx_vigil vigilctl tests/vm/starve
# files: /usr/share/vigil/rules.d=tools/rules.d
# time_limit: 240
. /vigil/lib/test.sh

state_is() { [ "$(cat /sys/kernel/sched_ext/state)" = "$1" ]; }
ops_is() { case $(cat /sys/kernel/sched_ext/root/ops 2>/dev/null) in $1) ;; *) false ;; esac }
said() { grep -q "$1" /tmp/log; }
ejected() { [ "$(grep -c ' ejected: ' /tmp/log)" -ge "$1" ]; }
status_has() { vigilctl status --json | grep -q "$1"; }

printf '[scheduler]\nreturn_after_s = 8\n' >/tmp/vigil.toml
scx_vigil --mode schedule --config /tmp/vigil.toml >/tmp/log 2>&1 &
daemon=$!
check "it says ready, in schedule mode" wait_for 90 said 'ready: schedule mode'
check "the full policy runs" status_has '"policy":"full"'

check "mode auto changes nothing" status_has '"changes":\[\]'
check "a mode can be chosen" vigilctl mode powersave
check "status shows what the kernel half now has" status_has '"from":20000.*"name":"lease_us","to":40000'
check "and back" vigilctl mode auto
check "nothing is changed any more" status_has '"changes":\[\]'

# The kernel gives ordinary tasks a little of a CPU that real-time tasks have: not here.
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
for server in /sys/kernel/debug/sched/ext_server/cpu1/runtime /sys/kernel/debug/sched/fair_server/cpu1/runtime; do
  [ ! -e $server ] || echo 0 >$server
done
starve 1 &
hog=$!
check "a task that waits for too long ends the full policy" wait_for 40 ejected 1
kill -9 $hog # it also starves what answers us
check "the plain policy takes over" wait_for 30 ops_is 'vigil_*_plain'
check "status says so, and why" wait_for 5 status_has '"policy":"plain".*"why_not_more":".*plain policy runs meanwhile'
check "the full policy comes back by itself" wait_for 40 ops_is 'vigil_*[0-9]'
check "status says so" wait_for 5 status_has '"policy":"full"'

starve 1 &
hog=$!
check "the plain policy can be ended, too" wait_for 60 ejected 3
kill -9 $hog
check "the kernel's own scheduler runs" wait_for 10 state_is disabled
check "status says so, and why" wait_for 5 status_has '"policy":"kernel".*"why_not_more":".*three times in ten minutes'
env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 sleep 1000 &
game=$!
check "classification goes on" wait_for 10 sh -c "vigilctl explain $game --json | grep -q '\"class\":\"gaming\"'"
kill -HUP $daemon
check "a reload tries the full policy again" wait_for 60 ops_is 'vigil_*[0-9]'
check "three ejections are on record" status_has '"ejections":\[{.*},{.*},{.*}\]'
kill $daemon
wait $daemon
equal "SIGTERM ends it with 0" 0 $?
cp /tmp/log /out/
finish
