#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A die with stacked cache beside a plain one (CPUs 0-3 with twice the L3 of 4-7): games fill it, background keeps off it while
# they run, games spill over when they need more, and all of it is undone when they have gone.
# kernels: 7.3
# shape: x3d
# programs: scx_vigil vigilctl tests/vm/cache_die
# files: /usr/share/vigil/rules.d=tools/rules.d
# icount: shift=1,sleep=off
# time_limit: 200
. /vigil/lib/test.sh

said() { grep -q "$1" /tmp/log; }
cp /usr/local/bin/cache_die /tmp/x264 # a video encoder is batch
value() { awk -v name="$2" '$1 == name { print $2 }' "$1"; }
at_least() { awk -v found="$(value "$1" "$2")" -v least="$3" 'BEGIN { exit !(found != "" && found >= least) }'; }
at_most() { awk -v found="$(value "$1" "$2")" -v most="$3" 'BEGIN { exit !(found != "" && found <= most) }'; }
game() { env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 cache_die "$@" 0-3; }
batch() { /tmp/x264 "$@" 0-3; }
figures() { echo "$1: $(tr '\n' ' ' <"$2")"; }

scx_vigil --mode schedule >/tmp/log 2>&1 &
daemon=$!
check "it schedules" wait_for 60 said 'ready: schedule mode'
said 'ready: schedule mode' || cat /tmp/log
check "the larger cache is seen" sh -c "vigilctl topology --json | grep -q '\"vcache\":true'"

batch 2 8 100 >/tmp/before
figures "background alone" /tmp/before
check "without a game, background has the whole machine" at_least /tmp/before cpus 7.5

# Background first, so that it is everywhere when the game comes.
batch 6 4 100 >/tmp/batch &
beside=$!
sleep 1
game 6 4 60 >/tmp/game
wait $beside
figures "a game of 2.4 CPUs" /tmp/game
figures "background of 4 CPUs beside it" /tmp/batch
check "a game that fits runs on the large cache (95 %)" at_least /tmp/game inside 95
check "background keeps off it meanwhile (90 %)" at_most /tmp/batch inside 10
check "background has the other die meanwhile" at_least /tmp/batch cpus 3.5

batch 6 4 100 >/tmp/batch &
beside=$!
game 4 8 100 >/tmp/spill
wait $beside
figures "a game of 8 CPUs beside background" /tmp/spill
check "a game of twice its CPUs spills over" at_least /tmp/spill cpus 5.5
check "... to the other die" at_most /tmp/spill inside 75

sleep 1
batch 2 8 100 >/tmp/after
figures "background when the game has gone" /tmp/after
check "when the game has gone, background has the whole machine again" at_least /tmp/after cpus 7.5
check "... both dies" at_least /tmp/after inside 40
check "the scheduler is still attached" grep -q enabled /sys/kernel/sched_ext/state
vigilctl stats | grep -i vcache
kill $daemon
wait $daemon
cp /tmp/log /out/
finish
