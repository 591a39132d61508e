#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine changes under the daemon: CPUs go off line and come back under load, a display is plugged, given to virtual
# machines and unplugged. First the kernel announces it, then, in the same guest, udevd.
# kernels: 7.3 6.12
# shape: hotplug
# programs: scx_vigil vigilctl
# files: /usr/share/vigil/rules.d=tools/rules.d
# modules: bochs vfio-pci
# udevd: yes
# time_limit: 300
. /vigil/lib/test.sh
. /vigil/lib/machine.sh

cpus=/sys/devices/system/cpu
display_address() { sed -n 's/.*"name":"\(0000:[0-9a-f:.]*\)".*/\1/p' /tmp/watch | head -n 1; }

cpus_come_and_go() { # SOURCE ROUNDS
  local round=0 id
  load=
  for hog in 1 2; do
    sh -c 'while :; do :; done' &
    load="$load $!"
  done
  sh -c 'while :; do usleep 3000; done' &
  load="$load $!"
  taskset 40 sh -c 'while :; do :; done' & # may run on CPU 6 only, which goes, too
  load="$load $!"
  forget
  while [ $round -lt $2 ]; do
    id=$((round % 7 + 1))
    echo 0 >$cpus/cpu$id/online && echo 1 >$cpus/cpu$id/online || break
    round=$((round + 1))
  done
  equal "$1: $2 times a CPU went off line and came back under load" $2 $round
  check "$1: each was announced" wait_for 10 sh -c "[ \$(grep -c '\"subsystem\":\"cpu\"' /tmp/watch) -ge $(($2 * 2)) ]"
  # A whole cache goes: its number is kept, and so are the queues.
  forget
  for id in 4 5 6 7; do echo 0 >$cpus/cpu$id/online; done
  check "$1: the CPUs that went are named" wait_for 10 told 'CPUs 4-7 went off line'
  check "$1: topology has them off line" topology_has '"id":7,"online":false'
  writes=$(figure machine_map_writes)
  for id in 4 5 6 7; do echo 1 >$cpus/cpu$id/online; done
  check "$1: the CPUs that came are named" wait_for 10 told 'came on line'
  check "$1: topology has two caches again" wait_for 10 topology_has '"id":1,"cpus":"4-7"'
  equal "$1: for the scheduler nothing was different" "$writes" "$(figure machine_map_writes)"
  kill $load
}

# The same machine announced over and over is one look a window, and not one write.
storm() {
  forget
  local before looks i=0
  looks=$(figure machine_looks)
  while [ $i -lt 1000 ]; do
    echo "change 11111111-2222-3333-4444-555555555555" >$cpus/cpu1/uevent
    i=$((i + 1))
  done
  check "$1: a thousand announcements arrive" wait_for 10 sh -c "[ \$(grep -c '\"subsystem\":\"cpu\"' /tmp/watch) -ge 1000 ]"
  looks=$(($(figure machine_looks) - looks))
  check "$1: they cost a few looks ($looks)" sh -c "[ $looks -ge 1 ] && [ $looks -le 100 ]"
}

display_comes_and_goes() { # SOURCE
  forget
  check "$1: a display is plugged" monitor device_add bochs-display,id=g0,bus=hp0
  check "$1: it is announced until its driver is bound" wait_for 20 announced pci bind '0000:[0-9a-f:.]*'
  address=$(display_address)
  check "$1: what came is said" wait_for 10 told "the display device $address (qemu) came"
  check "$1: devices has it, with its driver" wait_for 10 devices_has "\"address\":\"$address\",\"vendor\":\"qemu\",\"driver\":\"bochs"
  check "$1: drm was announced, too" announced drm add 'card[0-9]*'
  if [ -e /sys/bus/pci/drivers/vfio-pci ]; then
    forget
    echo 1 >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode 2>/dev/null
    echo vfio-pci >/sys/bus/pci/devices/$address/driver_override
    echo $address >/sys/bus/pci/devices/$address/driver/unbind
    echo $address >/sys/bus/pci/drivers_probe
    check "$1: rebound to vfio-pci it is held for a virtual machine" wait_for 10 told "$address is now held for a virtual machine"
    check "$1: devices says so" devices_has "\"driver\":\"vfio-pci\".*\"passthrough\":true"
    echo $address >/sys/bus/pci/devices/$address/driver/unbind
    echo >/sys/bus/pci/devices/$address/driver_override
    echo $address >/sys/bus/pci/drivers_probe
    check "$1: and it comes back" wait_for 10 told "$address is back from virtual machines"
  else
    skip "$1: rebound to vfio-pci" "this kernel has no vfio-pci"
  fi
  forget
  check "$1: it is unplugged" monitor device_del g0
  check "$1: what is gone is said" wait_for 30 told "the display device $address is gone"
  check "$1: devices lacks it" devices_lacks "$address"
}

start_daemon kernel
cpus_come_and_go kernel ${ROUNDS:-25}
storm kernel
display_comes_and_goes kernel
stop_daemon kernel

# CPUs whose cache was not known when the scheduler was loaded: another one takes its place.
for id in 4 5 6 7; do echo 0 >$cpus/cpu$id/online; done
start_daemon replaced
env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 sleep 1000 &
game=$!
check "replaced: a game is known" wait_for 5 sh -c "vigilctl explain $game --json | grep -q '\"class\":\"gaming\"'"
for id in 4 5 6 7; do echo 1 >$cpus/cpu$id/online; done
check "replaced: another scheduler takes its place" wait_for 30 said 'the scheduler was replaced'
check "replaced: it is attached" state_is enabled
check "replaced: the game is known still" sh -c "vigilctl explain $game --json | grep -q '\"class\":\"gaming\"'"
check "replaced: nothing was thrown out" sh -c "vigilctl status --json | grep -q '\"ejections\":\[\]'"
grep replaced /tmp/log
enabled=$(cat $sched/enable_seq)
stop_daemon replaced

start_udevd
start_daemon udevd
cpus_come_and_go udevd 5
storm udevd
display_comes_and_goes udevd
stop_daemon udevd
finish
