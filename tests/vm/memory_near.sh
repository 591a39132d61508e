#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory without CPUs of its own comes and goes while a vector database runs: its CPU preference follows (the target is 100 ms), and so
# does where it runs, and the scheduler counts it. Memory pressure holds kernel workers back while it lasts.
# kernels: 7.3
# shape: numa_empty
# programs: scx_vigil vigilctl tests/kernel/vect_load
# files: /usr/share/vigil/rules.d=tools/rules.d
# udevd: yes
# time_limit: 180
. /vigil/lib/test.sh

preference() { vigilctl explain $load --json | grep -o '"cpu_preference":[^}]*' | head -n 1 | sed 's/,"[a-z].*//; s/.*://'; }
prefers() { [ "$(preference)" = "$1" ]; }
says() { grep -q "$1" /tmp/log; }
counter() { vigilctl stats --json | grep -o "\"name\":\"$1\"[^]]*" | grep -o '"value":[0-9.]*' | head -n 1 | cut -d: -f2; }
# ran_near: the share of its last second that the load ran on CPUs 4-7, in percent
ran_near() {
  : >/tmp/load; kill -USR2 $load; wait_for 5 grep -q 'ran on' /tmp/load
  sed -n 's/^ran on //p' /tmp/load | tail -n 1 | tr ' ' '\n' | awk -F: '{ all += $2; if ($1 >= 4) near += $2 } END { printf "%d\n", all ? 100 * near / all : -1 }'
}
near_runs() { vigilctl stats --openmetrics | sed -n "s/^vigil_sched_near_runs_total{where=\"$1\"} //p"; }
runs_near() { sleep 1; [ "$(ran_near)" -ge 95 ]; }
# after KIND NAME: monotonic ns of the last such event; `topology` what
t_of() { grep "$1" /tmp/watch | tail -n 1 | grep -o '"t_ns":[0-9]*' | cut -d: -f2; }

start_udevd
echo online_movable >/sys/devices/system/memory/auto_online_blocks
mkdir -p /run/vigil
printf '[memory]\npressure_hold_ms = 2000\n' >/tmp/vigil.toml
scx_vigil --mode schedule --config /tmp/vigil.toml >/tmp/log 2>&1 &
daemon=$!
check "ready" wait_for 60 says 'ready: schedule'
vigilctl watch --all --json >/tmp/watch &
taskset ff vect_load 64 8 >/tmp/load 2>&1 &
load=$!
wait_for 30 grep -q ready /tmp/load
check "it is a vector database" wait_for 5 sh -c "vigilctl explain $load --json | grep -q '\"class\":\"vectordb\"'"
equal "it prefers no CPUs" null "$(preference)"
before=$(counter memory_hints)

monitor object_add memory-backend-ram,id=dimm0,size=256M
monitor device_add pc-dimm,id=d0,memdev=dimm0,node=2
check "node 2 comes on line" wait_for 20 grep -qx '0-2' /sys/devices/system/node/has_memory
check "it prefers the CPUs near the new node" wait_for 10 prefers '"4-7"'
node=$(t_of '"subsystem":"node"') blocks=$(t_of '"subsystem":"memory"') seen=$(t_of '"event":"topology"')
[ "${blocks:-0}" -gt "${node:-0}" ] && node=$blocks
took=$(((${seen:-0} - ${node:-0}) / 1000000))
echo "preference $took ms after the last event of the burst"
# The target is 100 ms, which an emulator on a busy machine does not keep: the figure is printed, and a second is a failure.
# A straggler of the burst may come when the new picture is in force already: then it took less than nothing.
if [ "${seen:-0}" -gt 0 ] && [ "${node:-0}" -gt 0 ] && [ $took -ge -1000 ] && [ $took -le 1000 ]; then ok "soon after the node's coming"; else not_ok "soon after the node's coming" "$took ms"; fi
equal "one hint was given" $((before + 1)) "$(counter memory_hints)"
check "it runs there" wait_for 10 runs_near
echo "$(ran_near) % of its time there"
inside=$(near_runs inside) outside=$(near_runs outside)
check "the dispatch counters saw it" wait_for 10 sh -c "[ \$(vigilctl stats --openmetrics | sed -n 's/^vigil_sched_near_runs_total{where=\"inside\"} //p') -gt ${inside:-0} ]"
echo "began to run: $(near_runs inside) times near its memory, $(near_runs outside) elsewhere"
check "... and hardly any run elsewhere since" [ $(($(near_runs outside) - outside)) -le 5 ]

for block in /sys/devices/system/node/node2/memory[0-9]*; do echo offline >$block/state; done
monitor device_del d0
check "node 2 goes" wait_for 30 sh -c '! grep -q 2 /sys/devices/system/node/has_memory'
check "it prefers no CPUs any more" wait_for 10 prefers null
check "explain says why" sh -c "vigilctl explain $load --json | grep -q 'nothing is known of where its memory is\|no CPUs are clearly'"

status_has() { vigilctl status --json | grep -q "$1"; }
check "there is no memory pressure" status_has '"kworker_lead_us":null,"pressure":false'
mkdir /sys/fs/cgroup/tight
echo 16M >/sys/fs/cgroup/tight/memory.high
sh -c 'echo $$ >/sys/fs/cgroup/tight/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=64M count=9' >/dev/null 2>&1 &
stalling=$!
check "tasks that stall for memory hold kernel workers back" wait_for 30 status_has '"kworker_lead_us":-10000,"pressure":true'
kill -9 $stalling
check "... until it is over" wait_for 30 status_has '"kworker_lead_us":null,"pressure":false'
kill $daemon; wait $daemon
cp /tmp/log /tmp/watch /out/
finish
