#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The first process of a guest: mounts, modules, channels; then runs /vigil/script and reports its end.
# Channels (virtio-serial): vigil.out carries what the script prints, vigil.control lines of conversation with
# the host end (see guest.py), vigil.files the tar archive of what the script left in /out.
export PATH=/vigil/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm /dev/virtio-ports
mount -t devpts devpts /dev/pts 2>/dev/null
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
rmdir /var/run && ln -s /run /var/run
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
echo "+cpu +memory +pids +cpuset" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
ln -s /proc/self/fd /dev/fd
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
hostname guest
ifconfig lo 127.0.0.1 2>/dev/null
for module in $(cat /vigil/modules); do
  modprobe "$module" || echo "guest: module $module could not be loaded"
done
tries=0
until [ -e /dev/virtio-ports/vigil.control ] && [ -e /dev/virtio-ports/vigil.out ] && [ -e /dev/virtio-ports/vigil.files ]; do
  for port in /sys/class/virtio-ports/*; do
    [ -s "$port/name" ] && ln -sf "/dev/${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
  done
  tries=$((tries + 1))
  [ $tries -gt 100 ] && { echo "guest: no channels to the host"; poweroff -f; }
  [ $tries -gt 1 ] && usleep 50000
done
control "ready $(uname -r)"
cd /root
. /vigil/environment
/vigil/script >/dev/virtio-ports/vigil.out 2>&1 </dev/null
status=$?
if [ -n "$(ls -A /out)" ]; then
  tar -c -f /tmp/.out.tar -C /out .
  control "files $(stat -c %s /tmp/.out.tar)"
  cat /tmp/.out.tar >/dev/virtio-ports/vigil.files
fi
control "exit $status"
sleep 5
poweroff -f
