#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Power and devices for real: an idle machine is left alone (strace); a display falls asleep and wakes, told by the kernel's own
# tracepoint, and nothing that would wake it is read; mains and battery choose the automatic mode; who opens a device is known by
# that. VIGIL_LONG=1: ten idle minutes.
# kernels: 7.3 6.12
# shape: 4
# programs: scx_vigil vigilctl /usr/bin/strace
# files: /usr/share/vigil/rules.d=tools/rules.d
# udevd: yes
# qemu_args: -device bochs-display,id=gpu
# time_limit: 240
# long_time_limit: 800
. /vigil/lib/test.sh

line() { grep -q "$1" /tmp/watch; }
status_has() { vigilctl status --json | grep -q "$1"; }
explain_has() { vigilctl explain "$1" --json | grep -q "$2"; }

mkdir -p /etc/vigil/rules.d
cat >/etc/vigil/rules.d/opened.toml <<RULES
[[rule]]
name = "opener"
class = "vm"
device = "kvm"
RULES
scx_vigil --mode schedule --rules /usr/share/vigil/rules.d --rules /etc/vigil/rules.d >/tmp/log 2>&1 &
daemon=$!
check "it says ready" wait_for 100 grep -q 'ready: schedule' /tmp/log

# --- idle: what the daemon asks the kernel, with nobody watching and nothing happening
strace -f -ttt -s 200 -o /tmp/trace -p $daemon 2>/tmp/strace &
tracer=$!
check "its system calls are watched" wait_for 20 grep -q attached /tmp/strace
calls() { wc -l </tmp/trace; }
switches() { awk '/ctxt_switches/ { n += $2 } END { print n }' /proc/$daemon/status; }
seconds=$([ $VIGIL_LONG = 1 ] && echo 600 || echo 15)
sleep 2
calls=$(calls) switches=$(switches)
sleep $seconds
equal "$seconds s without an event: no system call" 0 $(($(calls) - calls))
equal "... and no context switch" 0 $(($(switches) - switches))

vigilctl watch --all --json >/tmp/watch 2>&1 &
wait_for 10 test -e /tmp/watch
usleep 500000

# --- a device's power: any PCI function without a driver suspends when it is allowed to
gpu=
for device in /sys/bus/pci/devices/*; do
  case $(cat $device/class) in 0x03*) gpu=${device##*/} ;; esac
done
[ -z "$gpu" ] || [ ! -e /sys/bus/pci/devices/$gpu/driver ] || echo $gpu >/sys/bus/pci/devices/$gpu/driver/unbind
if [ -z "$gpu" ] || [ ! -e /sys/bus/pci/devices/$gpu/power/control ]; then
  skip "a GPU that falls asleep is told, once" "this kernel has no runtime power management, or the guest no display"
  skip "... and when it wakes" "as above"
  skip "status says since when" "as above"
else
  check "vigilctl devices knows the display" sh -c "vigilctl devices --json | grep -q '$gpu'"
  echo auto >/sys/bus/pci/devices/$gpu/power/control
  check "a GPU that falls asleep is told" wait_for 10 line "\"action\":\"suspended\".*\"name\":\"$gpu\""
  check "status says so, with its time" status_has "\"state\":\"suspended\""
  equal "the kernel says the same" suspended "$(cat /sys/bus/pci/devices/$gpu/power/runtime_status)"
  vigilctl devices >/out/devices.txt
  vigilctl status >/out/status.txt
  equal "and still does after devices, topology and status were asked" suspended "$(vigilctl topology >/dev/null; cat /sys/bus/pci/devices/$gpu/power/runtime_status)"
  echo on >/sys/bus/pci/devices/$gpu/power/control
  check "... and when it wakes" wait_for 10 line "\"action\":\"active\".*\"name\":\"$gpu\""
  # Announced again, it is looked at again, and sleeps on.
  echo auto >/sys/bus/pci/devices/$gpu/power/control
  wait_for 10 grep -q suspended /sys/bus/pci/devices/$gpu/power/runtime_status
  echo change >/sys/bus/pci/devices/$gpu/uevent
  strace -f -s 200 -o /tmp/trace.asked vigilctl devices >/dev/null
  strace -f -s 200 -o /tmp/trace.drawn vigilctl topology >/dev/null
  looked() { grep -q "$gpu/power_state" /tmp/trace && grep -q "$gpu/power_state" /tmp/trace.asked; }
  check "the daemon and vigilctl look at a device that sleeps" wait_for 10 looked
  equal "which sleeps on" suspended "$(cat /sys/bus/pci/devices/$gpu/power/runtime_status)"
  forbidden='/(config|current_link_speed|current_link_width|secondary_bus_number|subordinate_bus_number|vpd|rom|enable|information|gpu_metrics|resource[0-9]+_resize)"|/hwmon|"/dev/(nvidia|dri)|"/proc/(bus/pci|driver/nvidia)'
  equal "nothing is opened that would wake it" "" "$(grep -hE "open.*($forbidden)" /tmp/trace /tmp/trace.asked /tmp/trace.drawn | head -n 3)"
  sleep 2
  calls=$(calls)
  sleep 5
  echo "while everything is watched: $(($(calls) - calls)) system calls in 5 s"
  equal "each is told once" "2 1" "$(grep -c '"suspended"' /tmp/watch) $(grep -c '"active"' /tmp/watch)"
fi

# --- who opens a device: there is no KVM in a guest without it, but its number is known
mknod /tmp/kvm c 10 232
sh -c 'read line </tmp/kvm; sleep 1000; :' 2>/dev/null &
opener=$!
if status_has chrdev_open; then
  skip "who opens /dev/kvm is a virtual machine" "$(vigilctl status --json | grep -o '"It is not told which[^"]*' | head -n 1)"
else
  check "who opens /dev/kvm is a virtual machine by that alone" wait_for 10 explain_has $opener '"class":"vm"'
  check "... and explain names the rule and the opening" explain_has $opener 'opened:opener'
fi

# --- mains and battery, announced by the kernel and by udevd
battery() { # SOURCE
  p=/sys/module/test_power/parameters
  : >/tmp/watch
  echo discharging >$p/battery_status
  echo off >$p/ac_online
  check "$1: off the mains the automatic mode saves power" wait_for 10 status_has '"in_force":"powersave"'
  check "$1: the battery is announced" wait_for 5 line '"subsystem":"power_supply"'
  check "$1: watch tells the mode, with the reason" wait_for 5 line '"event":"mode".*battery\|battery.*"event":"mode"'
  check "$1: devices shows the battery" sh -c 'vigilctl devices | grep -q battery'
  vigilctl mode gaming >/dev/null
  check "$1: a person's mode counts more" status_has '"in_force":"gaming"'
  vigilctl mode auto >/dev/null
  check "$1: auto follows the battery again" status_has '"in_force":"powersave"'
  echo on >$p/ac_online
  check "$1: on the mains it does not" wait_for 10 status_has '"in_force":"auto"'
}
kill $tracer
wait $tracer 2>/dev/null
if [ -e /lib/modules/$(uname -r)/test_power.ko ]; then
  insmod /lib/modules/$(uname -r)/test_power.ko
  echo off >/sys/module/test_power/parameters/usb_online
  echo on >/sys/module/test_power/parameters/ac_online
  wait_for 10 status_has '"source":"ac"'
  battery kernel
  kill $daemon
  wait $daemon
  start_udevd
  scx_vigil --mode schedule >/tmp/log 2>&1 &
  daemon=$!
  check "with udevd it is ready again" wait_for 100 grep -q 'ready: schedule' /tmp/log
  vigilctl watch --all --json >/tmp/watch 2>&1 &
  usleep 500000
  battery udevd
else
  skip "mains and battery choose the automatic mode" "this kernel has no test_power module"
fi

kill $daemon
wait $daemon
equal "SIGTERM ends it with 0" 0 $?
cp /tmp/log /tmp/watch /tmp/trace /out/
finish
