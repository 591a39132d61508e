# SPDX-License-Identifier: GPL-2.0-only
"""Machines a guest can pretend to be.

Emulation cannot show an AMD machine's cache topology (no TOPOEXT), so every CPU claims Intel's name: then dies are
seen, each with an L3 of its own.
"""

import dataclasses
import os
import shutil

from cache import Missing, cache_dir, locked

_MAX = "max,vendor=GenuineIntel"


@dataclasses.dataclass(frozen=True)
class Shape:
    args: tuple
    summary: str
    memory: str = "1G"
    needs_cxl: bool = False     # volatile CXL memory came with QEMU 8.1

    @staticmethod
    def flat(cpus):
        return Shape(("-cpu", _MAX, "-smp", f"{cpus},sockets=1,cores={cpus},threads=1"), f"{cpus} CPUs")

    @staticmethod
    def grid(sockets=1, dies=1, cores=2, threads=1, memory="1G"):
        cpus = sockets * dies * cores * threads
        return Shape(("-cpu", _MAX, "-smp", f"{cpus},sockets={sockets},dies={dies},cores={cores},threads={threads}"),
                     f"{cpus} CPUs ({sockets} sockets × {dies} dies × {cores} cores × {threads} threads)", memory)

    @staticmethod
    def x3d():
        """Eight CPUs on two dies, CPUs 0-3 with 32 MiB of L3, 4-7 with 16: what a V-Cache die beside a plain one
        looks like to the kernel."""
        second_die = [f"EPYC-Milan-x86_64-cpu,socket-id=0,die-id=1,core-id={core},thread-id={thread},legacy-cache=on"
                      for core in (0, 1) for thread in (0, 1)]
        return Shape(("-cpu", "EPYC-Milan,vendor=GenuineIntel", "-smp", "4,maxcpus=8,sockets=1,dies=2,cores=2,threads=2",
                      *(word for device in second_die for word in ("-device", device))),
                     "8 CPUs on two dies, one with twice the L3")

    @staticmethod
    def numa_hmat():
        """Two sockets with memory, and a third node of memory alone, with latency and bandwidth from HMAT."""
        args = ["-machine", "hmat=on", "-cpu", _MAX, "-smp", "8,sockets=2,cores=2,threads=2"]
        for node in (0, 1, 2):
            args += ["-object", f"memory-backend-ram,id=m{node},size=1G"]
        args += ["-numa", "node,nodeid=0,cpus=0-3,memdev=m0,initiator=0",
                 "-numa", "node,nodeid=1,cpus=4-7,memdev=m1,initiator=1",
                 "-numa", "node,nodeid=2,memdev=m2,initiator=0"]
        for src, dst, distance in ((0, 1, 21), (0, 2, 17), (1, 2, 28)):
            args += ["-numa", f"dist,src={src},dst={dst},val={distance}"]
        latency = {(0, 0): 90, (0, 1): 150, (0, 2): 250, (1, 0): 150, (1, 1): 90, (1, 2): 330}
        bandwidth = {(0, 0): 80, (0, 1): 40, (0, 2): 30, (1, 0): 40, (1, 1): 80, (1, 2): 20}
        for (initiator, target), value in latency.items():
            args += ["-numa", f"hmat-lb,initiator={initiator},target={target},hierarchy=memory,"
                              f"data-type=access-latency,latency={value}"]
        for (initiator, target), value in bandwidth.items():
            args += ["-numa", f"hmat-lb,initiator={initiator},target={target},hierarchy=memory,"
                              f"data-type=access-bandwidth,bandwidth={value}G"]
        return Shape(tuple(args), "8 CPUs on two nodes, a third of memory alone (HMAT)", "3G")

    @staticmethod
    def numa_empty():
        """Two sockets with memory, and a third node without anything, nearest to the second; plug memory into it by
        `monitor object_add memory-backend-ram,id=dimm0,size=256M` and `monitor device_add pc-dimm,id=d0,memdev=dimm0,node=2`."""
        args = ["-cpu", _MAX, "-smp", "8,sockets=2,cores=2,threads=2"]
        for node in (0, 1):
            args += ["-object", f"memory-backend-ram,id=m{node},size=1G",
                     "-numa", f"node,nodeid={node},cpus={node * 4}-{node * 4 + 3},memdev=m{node}"]
        args += ["-numa", "node,nodeid=2"]
        for src, dst, distance in ((0, 1, 21), (0, 2, 28), (1, 2, 17)):
            args += ["-numa", f"dist,src={src},dst={dst},val={distance}"]
        return Shape(tuple(args), "8 CPUs on two nodes, and an empty third to plug memory into", "2G,maxmem=6G,slots=4")

    @staticmethod
    def cxl():
        """Two sockets and a CXL host bridge with two root ports, rp0 and rp1; plug memory by
        `monitor device_add cxl-type3,bus=rp0,id=cm0,volatile-memdev=cxlmem0`."""
        args = ["-machine", "cxl=on", "-cpu", _MAX + ",-hypervisor", "-smp", "8,sockets=2,cores=2,threads=2",
                "-object", "memory-backend-ram,id=cxlmem0,size=256M,share=on",
                "-object", "memory-backend-ram,id=cxlmem1,size=256M,share=on",
                "-device", "pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl.0",
                "-device", "cxl-rp,port=0,bus=cxl.0,id=rp0,chassis=0,slot=2",
                "-device", "cxl-rp,port=1,bus=cxl.0,id=rp1,chassis=0,slot=3",
                "-machine", "cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=4G"]
        return Shape(tuple(args), "8 CPUs, a CXL host bridge with two ports", "2G,maxmem=16G,slots=8", needs_cxl=True)

    def with_ports(self, count):
        """The same machine with `count` root ports hp0, hp1, … to hot-plug displays into."""
        ports = [word for n in range(count) for word in
                 ("-device", f"pcie-root-port,bus=pcie.0,id=hp{n},chassis={20 + n},slot={20 + n},mem-reserve=64M")]
        return dataclasses.replace(self, args=(*self.args, *ports))

    def find_qemu(self):
        """The emulator for this shape: the machine's own, or a newer one unpacked into the cache."""
        system = shutil.which("qemu-system-x86_64")
        if not self.needs_cxl or (system and _version(system) >= (8, 1)):
            if not system:
                raise Missing("qemu-system-x86_64 is missing, so no guest can be booted: `sudo tools/dev setup` installs it.")
            return system
        return _backported_qemu()


def _version(qemu):
    import re
    import subprocess
    text = subprocess.run([qemu, "--version"], capture_output=True, text=True).stdout
    return tuple(int(n) for n in re.search(r"version (\d+)\.(\d+)", text).groups())


def _backported_qemu():
    folder = cache_dir("qemu") / "backported"
    wrapper = folder / "qemu"
    with locked("fetch"):
        if not wrapper.exists():
            from debian import Suite, release_codename
            suite = Suite(release_codename() + "-backports")
            suite.update()
            suite.unpack(["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"], folder)
            binary = folder / "usr/bin/qemu-system-x86_64"
            if not binary.exists():
                raise Missing("The backported QEMU has no qemu-system-x86_64, so CXL guests cannot be booted.")
            wrapper.write_text(f'#!/bin/sh\nexec "{binary}" -L "{folder}/usr/share/qemu" -L "{folder}/usr/share/seabios" "$@"\n')
            wrapper.chmod(0o755)
    return str(wrapper)


SHAPES = {
    "2ccd": Shape.grid(dies=2, cores=2, threads=2),
    "smt": Shape.grid(cores=2, threads=2),
    "2sockets": Shape.grid(sockets=2, cores=2, threads=2, memory="2G"),
    "16": Shape.grid(dies=2, cores=4, threads=2, memory="2G"),
    "32": Shape.grid(sockets=2, dies=2, cores=4, threads=2, memory="3G"),
    "x3d": Shape.x3d(),
    "numa": Shape.numa_hmat(),
    "numa_empty": Shape.numa_empty(),
    "cxl": Shape.cxl(),
    "hotplug": Shape.grid(dies=2, cores=2, threads=2, memory="2G").with_ports(2),
}
