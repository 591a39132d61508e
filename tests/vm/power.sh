#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Power and devices for real: a display falls asleep and wakes, told by the kernel's own tracepoint; mains and battery choose the
# automatic mode; who opens a device is known by that.
# kernels: 7.3 6.12
# shape: 4
# programs: scx_vigil vigilctl
# files: /usr/share/vigil/rules.d=tools/rules.d
# qemu_args: -device bochs-display,id=gpu
# time_limit: 150
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
scx_vigil --mode observe --rules /usr/share/vigil/rules.d --rules /etc/vigil/rules.d >/tmp/log 2>&1 &
daemon=$!
check "it says ready" wait_for 60 grep -q 'ready: observe' /tmp/log
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
  equal "each is told once" "1 1" "$(grep -c '"suspended"' /tmp/watch) $(grep -c '"active"' /tmp/watch)"
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

# --- mains and battery
if [ -e /lib/modules/$(uname -r)/test_power.ko ]; then
  insmod /lib/modules/$(uname -r)/test_power.ko
  p=/sys/module/test_power/parameters
  echo off >$p/usb_online
  echo on >$p/ac_online
  wait_for 10 status_has '"source":"ac"'
  echo discharging >$p/battery_status
  echo off >$p/ac_online
  check "off the mains the automatic mode saves power" wait_for 10 status_has '"in_force":"powersave"'
  check "... which watch tells, with the reason" wait_for 5 line '"event":"mode".*battery\|battery.*"event":"mode"'
  check "... and devices shows the battery" sh -c 'vigilctl devices | grep -q battery'
  vigilctl mode gaming >/dev/null
  check "a person's mode counts more" status_has '"in_force":"gaming"'
  vigilctl mode auto >/dev/null
  check "auto follows the battery again" status_has '"in_force":"powersave"'
  echo on >$p/ac_online
  check "on the mains it does not" wait_for 10 status_has '"in_force":"auto"'
else
  skip "mains and battery choose the automatic mode" "this kernel has no test_power module"
fi

kill $daemon
wait $daemon
equal "SIGTERM ends it with 0" 0 $?
cp /tmp/log /tmp/watch /out/
finish
