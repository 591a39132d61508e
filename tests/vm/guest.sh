#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest itself: what every other suite relies on. Needs nothing of ours but the harness.
# kernels: 7.3 6.12
# shape: 2ccd
# time_limit: 60
. /vigil/lib/test.sh

equal "sched_ext is there and no scheduler is loaded" disabled "$(cat /sys/kernel/sched_ext/state)"
check "the kernel carries BTF" test -s /sys/kernel/btf/vmlinux
case $(uname -r) in
  "$KERNEL".*) ok "the kernel is the one asked for" ;;
  *) not_ok "the kernel is the one asked for" "asked for $KERNEL, running $(uname -r)" ;;
esac
equal "eight CPUs are online" 0-7 "$(cat /sys/devices/system/cpu/online)"
equal "each die has an L3 of its own" "0-3 4-7" \
  "$(cat /sys/devices/system/cpu/cpu*/cache/index3/shared_cpu_list | sort -u | tr '\n' ' ' | sed 's/ $//')"
check "cgroup v2 has the cpu controller on" grep -qw cpu /sys/fs/cgroup/cgroup.subtree_control
check "bpffs is mounted" grep -q "^bpf /sys/fs/bpf bpf " /proc/mounts
check "tracefs is mounted" test -d /sys/kernel/tracing/events/sched
equal "the machine's monitor answers" "VM status: running" "$(monitor info status)"
if monitor no_such_command >/dev/null; then
  not_ok "the monitor's errors are failures"
else
  ok "the monitor's errors are failures"
fi
equal "a CPU goes off and comes back" "0 1" \
  "$(c=/sys/devices/system/cpu/cpu7/online; echo 0 >$c; a=$(cat $c); echo 1 >$c; echo "$a $(cat $c)")"
finish
