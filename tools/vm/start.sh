# SPDX-License-Identifier: GPL-2.0-only
# Start the daemon in a guest and wait until its scheduler is attached.
. /vigil/lib/test.sh
scx_vigil --mode schedule >/tmp/scx_vigil.log 2>&1 &
echo $! >/run/vigil.pid
if ! wait_for 60 test -S /run/vigil/control.sock || ! wait_for 60 grep -q enabled /sys/kernel/sched_ext/state; then
  echo "the scheduler was not attached; what scx_vigil said:"
  cat /tmp/scx_vigil.log
  dmesg | tail -n 20
  exit 1
fi
cat /tmp/scx_vigil.log
