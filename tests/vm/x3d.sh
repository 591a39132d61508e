#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A die with stacked cache beside a plain one (CPUs 0-3 with twice the L3 of 4-7): games fill it, background keeps off it while
# they run, games spill over when they need more, and all of it is undone when they have gone. And profiles: two games at once, each
# on the die that its own asks for; a strict one that waits for it.
# kernels: 7.3
# shape: x3d
# programs: scx_vigil vigilctl tests/vm/cache_die
# files: /usr/share/vigil/rules.d=tools/rules.d
# icount: shift=1,sleep=off
# time_limit: 260
. /vigil/lib/test.sh

said() { grep -q "$1" /tmp/log; }
cp /usr/local/bin/cache_die /tmp/x264 # a video encoder is batch
value() { awk -v name="$2" '$1 == name { print $2 }' "$1"; }
at_least() { awk -v found="$(value "$1" "$2")" -v least="$3" 'BEGIN { exit !(found != "" && found >= least) }'; }
at_most() { awk -v found="$(value "$1" "$2")" -v most="$3" 'BEGIN { exit !(found != "" && found <= most) }'; }
game() { env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 cache_die "$@" 0-3; }
batch() { /tmp/x264 "$@" 0-3; }
figures() { echo "$1: $(tr '\n' ' ' <"$2")"; }

mkdir /tmp/profiles
cat >/tmp/profiles/mine.toml <<'END'
[[profile]]
name = "plain-die"
match = { appid = 222 }
cpus = "frequency"
boost = 1
[[profile]]
name = "large-die"
match = { appid = 444 }
cpus = "vcache"
slice_us = 2000
mode = "gaming"
[[profile]]
name = "strictly-plain"
match = { appid = 333 }
cpus = "frequency"
strict = true
END
profiled() { local appid=$1; shift; env STEAM_COMPAT_DATA_PATH=/x SteamAppId=$appid cache_die "$@" 0-3; }
metric() { vigilctl stats --openmetrics | awk -v name="$1" 'index($1, name) == 1 { print int($2) }'; }
pid_of() { pidof cache_die | awk '{ print $NF }'; }

scx_vigil --mode schedule --rules /usr/share/vigil/rules.d --profiles /tmp/profiles >/tmp/log 2>&1 &
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
profiled 222 5 2 60 >/tmp/plain &
plain=$!
profiled 444 5 2 60 >/tmp/large &
large=$!
sleep 2
vigilctl status --json >/tmp/status
pids=$(pidof cache_die)
for pid in $pids; do vigilctl explain $pid --json; done >/tmp/explained
wait $plain $large
figures "a game whose profile asks for the plain die" /tmp/plain
figures "a game whose profile asks for the large cache, at the same time" /tmp/large
check "each game runs where its profile says: the plain die (95 %)" at_most /tmp/plain inside 5
check "... the large cache (95 %)" at_least /tmp/large inside 95
check "explain names the profile and its CPUs" grep -q '"cpu_preference":"4-7".*"profile":"plain-die"' /tmp/explained
check "... of both" grep -q '"cpu_preference":"0-3".*"profile":"large-die"' /tmp/explained
check "status has both at once" sh -c "grep -q '\"name\":\"plain-die\"' /tmp/status && grep -q '\"name\":\"large-die\"' /tmp/status"
check "the mode that one holds is in force" grep -q '"in_force":"gaming"' /tmp/status
check "the counters saw it" [ "$(metric 'vigil_sched_profile_runs_total{where="inside"')" -gt "$(metric 'vigil_sched_profile_runs_total{where="outside"')" ]
check "when they have ended no profile is in force" sh -c 'vigilctl status --json | grep -q "\"profiles\":\[\]"'
check "... and no mode is held" sh -c 'vigilctl status --json | grep -q "\"in_force\":\"auto\""'
game 3 2 60 >/tmp/again
check "a game without a profile has the large cache again" at_least /tmp/again inside 95

profiled 333 4 8 100 >/tmp/strict
figures "a strict game of 8 CPUs on 4" /tmp/strict
check "a strict game stays on its CPUs whatever it wants (98 %)" at_most /tmp/strict inside 2
check "... and uses all of them" at_least /tmp/strict cpus 3.8
check "... which is counted" [ "$(metric vigil_sched_strict_waits_total)" -gt 0 ]
check "the scheduler is still attached" grep -q enabled /sys/kernel/sched_ext/state
vigilctl stats | grep -i vcache
kill $daemon
wait $daemon
cp /tmp/log /out/
finish
