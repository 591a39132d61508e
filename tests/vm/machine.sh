#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine changes under the daemon: CPUs go off line and come back under load, a display is plugged, given to virtual
# machines and unplugged, announced by the kernel and by udevd; caches that were not there at the start come.
# kernels: 7.3
# long_kernels: 6.12
# shape: hotplug
# programs: scx_vigil vigilctl
# files: /usr/share/vigil/rules.d=tools/rules.d
# modules: bochs vfio-pci
# qemu_args: -device intel-iommu
# udevd: yes
# time_limit: 300
# long_time_limit: 1500
. /vigil/lib/test.sh
. /vigil/lib/machine.sh

cpus=/sys/devices/system/cpu
display_address() { sed -n 's/.*"name":"\(0000:[0-9a-f:.]*\)".*/\1/p' /tmp/watch | head -n 1; }
now_ms() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }

load() { # load MASK: one of it may run on these CPUs only
  hogs=
  for hog in 1 2; do
    sh -c 'while :; do :; done' &
    hogs="$hogs $!"
  done
  sh -c 'while :; do usleep 3000; done' &
  hogs="$hogs $!"
  taskset $1 sh -c 'while :; do :; done' &
  hogs="$hogs $!"
}

cpus_come_and_go() { # SOURCE ROUNDS
  local round=0 id
  load 40 # CPU 6, which goes, too
  forget
  while [ $round -lt $2 ]; do
    id=$((round % 7 + 1))
    echo 0 >$cpus/cpu$id/online && echo 1 >$cpus/cpu$id/online || break
    round=$((round + 1))
  done
  equal "$1: $2 times a CPU went off line and came back under load" $2 $round
  check "$1: each was announced" wait_for 20 sh -c "[ \$(grep -c '\"subsystem\":\"cpu\"' /tmp/watch) -ge $(($2 * 2)) ]"
  check "$1: the scheduler is attached" state_is enabled
  kill $hogs
  wait $hogs 2>/dev/null
}

# One CPU, with nothing else going on: how long until the scheduler knows. By the daemon's own count, and by the script's clock.
one_cpu() { # SOURCE
  local round off= on= clock= before after
  sleep 1
  for round in 1 2 3; do
    forget
    echo 0 >$cpus/cpu5/online
    before=$(now_ms)
    wait_for 10 told 'CPU 5 went off line' || break
    off="$off $(took 'CPU 5 went off line')"
    after=$(grep 'CPU 5 went off line' /tmp/watch | sed 's/.*"t_ns":\([0-9]*\).*/\1/' | awk '{ printf "%d\n", $1 / 1e6 }')
    clock="$clock $((after - before))"
    [ $round != 1 ] || check "$1: topology has a CPU that went off line" topology_has '"id":5,"online":false'
    echo 1 >$cpus/cpu5/online
    wait_for 10 told 'CPU 5 came on line' || break
    on="$on $(took 'CPU 5 came on line')"
    [ $round != 1 ] || check "$1: topology has it on line" topology_has '"id":5,"online":true'
  done
  in_time "$1: that a CPU went is in force" $off
  in_time "$1: that a CPU came is in force" $on
  in_time "$1: (by the script's clock, to 10 ms) that a CPU went is in force" $clock
}

# The same machine announced over and over is one look a window, and not one write.
storm() { # SOURCE ANNOUNCEMENTS
  forget
  local looks writes i=0
  looks=$(figure machine_looks)
  writes=$(figure machine_map_writes)
  while [ $i -lt $2 ]; do
    echo "change 11111111-2222-3333-4444-555555555555" >$cpus/cpu1/uevent
    i=$((i + 1))
  done
  check "$1: $2 announcements arrive" wait_for 20 sh -c "[ \$(grep -c '\"subsystem\":\"cpu\"' /tmp/watch) -ge $2 ]"
  looks=$(($(figure machine_looks) - looks))
  check "$1: they cost a few looks ($looks)" sh -c "[ $looks -ge 1 ] && [ $looks -le 100 ]"
  equal "$1: and write nothing" "$writes" "$(figure machine_map_writes)"
}

display_comes_and_goes() { # SOURCE PORT
  forget
  check "$1: a display is plugged" monitor device_add bochs-display,id=g$2,bus=hp$2
  check "$1: it is announced until its driver is bound" wait_for 20 announced pci bind '0000:[0-9a-f:.]*'
  address=$(display_address)
  check "$1: what came is said" wait_for 10 told "the display device $address (qemu) came"
  echo "$1: the display, known after $(took "the display device $address (qemu) came") ms"
  check "$1: devices has it, with its driver" wait_for 10 devices_has "\"address\":\"$address\",\"vendor\":\"qemu\",\"driver\":\"bochs"
  check "$1: drm was announced, too" announced drm add 'card[0-9]*'
  if [ -e /sys/bus/pci/drivers/vfio-pci ]; then
    forget
    echo vfio-pci >/sys/bus/pci/devices/$address/driver_override
    echo $address >/sys/bus/pci/devices/$address/driver/unbind
    echo $address >/sys/bus/pci/drivers_probe
    check "$1: rebound to vfio-pci it is held for a virtual machine" wait_for 10 told "$address is now held for a virtual machine"
    check "$1: devices says so" devices_has "\"driver\":\"vfio-pci\".*\"passthrough\":true"
    echo $address >/sys/bus/pci/devices/$address/driver/unbind
    echo >/sys/bus/pci/devices/$address/driver_override
    echo $address >/sys/bus/pci/drivers_probe
    check "$1: and it comes back" wait_for 10 told "$address is back from virtual machines"
    check "$1: announced as it was bound" announced pci bind "$address"
  else
    skip "$1: rebound to vfio-pci" "this kernel has no vfio-pci"
  fi
  forget
  check "$1: it is unplugged" monitor device_del g$2
  check "$1: what is gone is said" wait_for 30 told "the display device $address is gone"
  check "$1: devices lacks it" devices_lacks "$address"
}

start_daemon kernel
one_cpu kernel
cpus_come_and_go kernel $([ $VIGIL_LONG = 1 ] && echo 500 || echo 30)
storm kernel 1000
display_comes_and_goes kernel 0
stop_daemon kernel

# CPUs whose cache was not known when the scheduler was loaded: another one takes its place.
for id in 4 5 6 7; do echo 0 >$cpus/cpu$id/online; done
start_udevd
start_daemon udevd
env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 sleep 1000 &
game=$!
is_game() { vigilctl explain $game --json | grep -q '"class":"gaming"'; }
check "udevd: a game is known" wait_for 5 is_game
taskset 1 sh -c 'while :; do :; done' &
hogs=$!
for id in 4 5 6 7; do echo 1 >$cpus/cpu$id/online; done
check "udevd: a cache comes that was not there: another scheduler takes the place" wait_for 30 said 'the scheduler was replaced'
grep 'scheduler was replaced' /tmp/log
kill $hogs
wait $hogs 2>/dev/null
check "udevd: it is attached" state_is enabled
check "udevd: the game is known still" is_game
check "udevd: topology has two caches" topology_has '"id":1,"ccd":1,"cpus":"4-7"\|"id":1,"cpus":"4-7"'
kill $game
enabled=$(cat $sched/enable_seq)
one_cpu udevd
cpus_come_and_go udevd $([ $VIGIL_LONG = 1 ] && echo 500 || echo 20)
display_comes_and_goes udevd 1
stop_daemon udevd
finish
