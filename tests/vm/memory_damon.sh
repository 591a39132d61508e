#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# How a memory-bound process uses its memory, and where that lies, is found out by DAMON, next to its other users; and
# everything is as it was when Vigil has gone, however it went.
# kernels: 7.3
# shape: numa
# programs: scx_vigil vigilctl tests/kernel/vect_load
# files: /usr/share/vigil/rules.d=tools/rules.d
# time_limit: 400
. /vigil/lib/test.sh

damon=/sys/kernel/mm/damon/admin/kdamonds
stat=/sys/module/damon_stat/parameters/enabled
# field NAME: of the memory part of what explain says of $load
field() { vigilctl explain $load --json | grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d: -f2; }
between() { # between LOW HIGH VALUE
  [ -n "$3" ] && [ "$3" != null ] && awk -v v="$3" -v l="$1" -v h="$2" 'BEGIN { exit !(v >= l && v <= h) }'
}
is() { [ "$(field "$1")" = "$2" ]; }
field_between() { between "$2" "$3" "$(field "$1")"; }
says() { grep -q "$1" /tmp/log; }
status_says() { vigilctl status --json | grep -q "$1"; }
content() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
daemon() { scx_vigil --mode observe --config /tmp/vigil.toml --log-level debug "$@" >/tmp/log 2>&1 & daemon=$!; wait_for 60 says 'ready: observe'; }

[ -d $damon ] || { skip "DAMON" "this kernel has none"; finish; }
equal "the kernel's own statistics hold DAMON" Y "$(cat $stat)"
mkdir -p /run/vigil
echo '[memory]' >/tmp/vigil.toml
daemon
taskset f vect_load 256 16 node=0 >/tmp/load 2>&1 &
load=$!
wait_for 30 grep -q ready /tmp/load
check "it is a vector database" wait_for 5 sh -c "vigilctl explain $load --json | grep -q '\"class\":\"vectordb\"'"
check "DAMON is left to damon_stat, and that is said" wait_for 20 status_says 'damon_stat = '
equal "damon_stat was not touched" Y "$(cat $stat)"
for name in locality_score working_set_bytes hot_bytes cold_bytes access_hz moves_per_second watch_cost lead_us; do
  equal "unknown: $name" null "$(field $name)"
done
kill $daemon; wait $daemon

printf '[memory]\ndamon_stat = "yield"\nsample_ms = 20\naggregation_ms = 400\n' >/tmp/vigil.toml
daemon
check "with leave to do so damon_stat is switched off" wait_for 20 content $stat N
check "a kdamond watches" wait_for 10 grep -q on $damon/0/state
check "16 MiB of 256 are found hot, within a tenth" wait_for 60 field_between hot_bytes 15099494 18454937
echo "hot $(field hot_bytes) working set $(field working_set_bytes) cold $(field cold_bytes) cost $(field watch_cost)"
check "the rest is cold" wait_for 20 field_between cold_bytes 240000000 260000000
check "what it costs is known" wait_for 10 field_between watch_cost 0.000001 1
check "it runs near its memory" wait_for 20 field_between locality_score 90 100
check "it prefers the CPUs there" wait_for 10 is near_cpus '"0-3"'
taskset -p f0 $load >/dev/null
check "moved to the other node, it is far from it" wait_for 20 field_between locality_score 0 10
check "... and would rather run where its memory is" is near_cpus '"0-3"'
taskset -p f $load >/dev/null
check "moved back, it is near again" wait_for 20 field_between locality_score 90 100
check "stats has the score" sh -c 'vigilctl stats --openmetrics | grep -q "memory_locality_score{.*vect_load"'

kill -USR1 $load
check "asleep, it is not watched" wait_for 30 content $stat Y
equal "... and DAMON is as it was" 0 "$(cat $damon/nr_kdamonds)"
kill -USR1 $load
check "awake, it is watched again" wait_for 30 content $stat N

kill $daemon; wait $daemon
equal "after SIGTERM damon_stat is on" Y "$(cat $stat)"
equal "... no kdamond is left" 0 "$(cat $damon/nr_kdamonds)"
check "... nor a state file" test ! -e /run/vigil/damon.state

# Somebody else's kdamond, running, in the first of two.
echo N >$stat
echo 2 >$damon/nr_kdamonds
echo 1 >$damon/0/contexts/nr_contexts
echo vaddr >$damon/0/contexts/0/operations
echo 1 >$damon/0/contexts/0/targets/nr_targets
sleep 1000 &
echo $! >$damon/0/contexts/0/targets/0/pid_target
echo on >$damon/0/state
theirs=$(cat $damon/0/pid)
daemon
check "beside another's kdamond ours takes the free one" wait_for 20 content $damon/1/state on
check "... and finds the hot memory" wait_for 60 field_between hot_bytes 15099494 18454937
kill -9 $daemon; wait $daemon
equal "killed, it leaves its kdamond" on "$(cat $damon/1/state)"
printf '[memory]\ndamon = false\n' >/tmp/vigil.toml
daemon
check "the next one stops it" content $damon/1/state off
equal "... and takes what it had set up away" 0 "$(cat $damon/1/contexts/nr_contexts)"
check "... and says so" says 'former daemon'
equal "the other's goes on" "on $theirs" "$(cat $damon/0/state) $(cat $damon/0/pid)"
equal "their number is what it was" 2 "$(cat $damon/nr_kdamonds)"
equal "damon_stat, off before, stays off" N "$(cat $stat)"
kill $daemon; wait $daemon
echo off >$damon/0/state; echo 0 >$damon/nr_kdamonds; echo Y >$stat

printf '[memory]\ndamon_stat = "yield"\n' >/tmp/vigil.toml
daemon
check "watched once more" wait_for 30 content $stat N
kill -9 $daemon; wait $daemon
equal "killed, damon_stat stays off" N "$(cat $stat)"
kill $load
daemon
equal "the next daemon switches it on again" Y "$(cat $stat)"
equal "... and leaves no kdamonds" 0 "$(cat $damon/nr_kdamonds)"
kill $daemon; wait $daemon

# What counters say changes a decision. An emulated machine has none: simulated ones, of the node without CPUs.
printf '[memory]\ndamon_stat = "yield"\nsample_ms = 20\naggregation_ms = 400\nbandwidth_high_mib_s = 100\n' >/tmp/vigil.toml
taskset f vect_load 128 16 node=2 >/tmp/load 2>&1 &
load=$!
wait_for 30 grep -q ready /tmp/load
daemon
check "with its memory near and no counters, it is due 20 ms sooner" wait_for 60 is lead_us 20000
kill $daemon; wait $daemon
daemon --simulate cxl
check "with counters that say its node is busy, 30 ms" wait_for 60 is lead_us 30000
check "... which is labelled simulated" sh -c "vigilctl explain $load --json | grep -q '\"simulated\":true'"
kill $load
kill $daemon; wait $daemon
cp /tmp/log /out/
finish
