#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# CXL memory arrives under the daemon: a device is plugged, made a region, on line as a node without CPUs, off line, unplugged.
# First the kernel announces it, then, in the same guest, udevd.
# kernels: 7.3
# long_kernels: 6.12
# shape: cxl
# programs: scx_vigil vigilctl
# files: /usr/share/vigil/rules.d=tools/rules.d
# modules: cxl_acpi cxl_pci cxl_mem cxl_pmem dax_cxl device_dax kmem
# udevd: yes
# time_limit: 300
. /vigil/lib/test.sh
. /vigil/lib/machine.sh

bus=/sys/bus/cxl/devices
size=0x10000000
echo online_movable >/sys/devices/system/memory/auto_online_blocks # what is not movable cannot be taken off line again

first() { for found in $1; do [ -e "$found" ] && echo "${found##*/}" && return; done; } # the first file a pattern matches
there() { [ -n "$(first "$1")" ]; }

make_region() { # a RAM region, $region, of all the memory behind $decoder
  echo $region >$bus/decoder0.0/create_ram_region &&
    echo 1 >$bus/$region/interleave_ways &&
    echo 256 >$bus/$region/interleave_granularity &&
    echo 0 >$bus/$decoder/dpa_size &&
    echo ram >$bus/$decoder/mode &&
    echo $size >$bus/$decoder/dpa_size &&
    echo $size >$bus/$region/size &&
    echo $decoder >$bus/$region/target0 &&
    echo 1 >$bus/$region/commit &&
    echo $region >/sys/bus/cxl/drivers/cxl_region/bind
}

blocks() { ls -d /sys/devices/system/node/node$1/memory[0-9]*; }

memory_comes_and_goes() { # SOURCE PORT
  forget
  check "$1: a memory device is plugged" monitor device_add cxl-type3,bus=rp$2,id=cm$2,volatile-memdev=cxlmem$2
  check "$1: it and its endpoint are announced" wait_for 30 announced cxl bind 'endpoint[0-9]*'
  memory=$(first "$bus/mem[0-9]*")
  endpoint=$(first "$bus/endpoint[0-9]*")
  check "$1: what came is said" wait_for 10 told "the CXL memory $memory came"
  check "$1: devices has it, in no node" devices_has "\"name\":\"$memory\",\"node\":null,\"size_bytes\":268435456"

  region=$(cat $bus/decoder0.0/create_ram_region)
  decoder=decoder${endpoint#endpoint}.0
  check "$1: a region is made of it" make_region
  check "$1: the region is announced" wait_for 20 announced cxl bind "$region"
  check "$1: its memory comes on line" wait_for 30 there "/sys/devices/system/node/node1/memory[0-9]*"
  check "$1: a node is announced" wait_for 20 announced node add node1
  check "$1: what it is is said" wait_for 20 told "node 1 (cxl) came"
  check "$1: where the device ends is said" wait_for 20 told "the CXL memory $memory is now in node 1"
  check "$1: topology has a node of kind cxl, near the CPUs" topology_has '"id":1,"cpus":"","mem_total_kib":262144,"kind":"cxl","near_cpus":"0-7"'
  check "$1: devices has the way from device to node" \
    devices_has "\"name\":\"$memory\",\"node\":1,.*\"decoders\":\[\"$decoder\"\],\"regions\":\[\"$region\"\],\"dax\":\[\"dax[0-9.]*\"\]"
  vigilctl devices

  forget
  check "$1: its memory goes off line" sh -c 'for block in /sys/devices/system/node/node1/memory[0-9]*; do echo offline >$block/state || exit 1; done'
  check "$1: that is announced" wait_for 10 announced memory offline 'memory[0-9]*'
  check "$1: where the device ends no more is said" wait_for 20 told "the CXL memory $memory is in no node any more"
  check "$1: devices has it in no node" devices_has "\"name\":\"$memory\",\"node\":null"
  dax=$(first "/sys/bus/dax/devices/dax[0-9]*")
  check "$1: the region is taken apart" sh -c "echo $dax >/sys/bus/dax/drivers/kmem/unbind && echo $region >/sys/bus/cxl/drivers/cxl_region/unbind &&
    echo 0 >$bus/$region/commit && echo $region >$bus/decoder0.0/delete_region"
  check "$1: the node is gone" wait_for 20 told 'node 1 is gone'
  check "$1: topology has one node" topology_lacks '"kind":"cxl"'
  check "$1: the device is unplugged" monitor device_del cm$2
  check "$1: what is gone is said" wait_for 30 told "the CXL memory $memory is gone"
  check "$1: devices lacks it" devices_lacks '"name":"mem'
}

start_daemon kernel
memory_comes_and_goes kernel 0
stop_daemon kernel
start_udevd
start_daemon udevd
memory_comes_and_goes udevd 1
stop_daemon udevd
finish
