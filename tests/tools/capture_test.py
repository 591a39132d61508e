#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A capture of a machine holds what Vigil reads of it, and nothing that names the machine or its owner."""
import os
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "..", "..", "tools")
FIXTURES = os.path.join(HERE, "..", "fixtures", "topology")
failures = []


def check(what, holds):
    print(("ok " if holds else "FAILED ") + what)
    if not holds:
        failures.append(what)


def tool(name, *args):
    return subprocess.run([sys.executable, os.path.join(TOOLS, name), *args], check=True, capture_output=True, text=True).stdout


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w") as f:
        f.write(text)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for machine in ("ryzen7900x3d", "qemu-cxl-1node"):
            root, archive = os.path.join(folder, machine), os.path.join(folder, machine + ".tar.xz")
            fixture = os.path.join(FIXTURES, machine + ".txt")
            tool("topology_text.py", "--unpack", fixture, root)
            pci = "sys/devices/pci0000:00/0000:00:09.0/"
            write(root, pci + "class", "0x030000\n")
            write(root, pci + "config", "woken\n")
            write(root, pci + "current_link_speed", "woken\n")
            write(root, pci + "serial_number", "SN-12345\n")
            write(root, pci + "numa_node", "52:54:00:12:34:56\n")  # an address where none belongs
            write(root, "sys/class/dmi/id/product_uuid", "0f0e0d0c-0b0a-0908-0706-050403020100\n")
            write(root, "proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.1\nGCC version: built by someone@somewhere\n")
            os.makedirs(os.path.join(root, "sys/bus/pci/devices"), exist_ok=True)
            os.symlink("../../../devices/pci0000:00/0000:00:09.0", os.path.join(root, "sys/bus/pci/devices/0000:00:09.0"))
            said = tool("capture_topology", "--sysfs-root", root + "/sys", "--proc-root", root + "/proc", "-o", archive)
            with tarfile.open(archive) as tar:
                names = tar.getnames()
                contents = {m.name: tar.extractfile(m).read().decode("latin-1") for m in tar if m.isfile()}
                owners = {(m.uid, m.gid, m.mtime) for m in tar}
            everything = "\n".join(contents.values())
            check(machine + ": what would wake a device is not opened", not any("config" in n or "link_speed" in n for n in names))
            check(machine + ": nothing that identifies is in it",
                  not any(s in everything for s in ("SN-12345", "52:54:00", "0f0e0d0c", "someone")))
            check(machine + ": what was left out is said", "looks like an address or a name" in said)
            check(machine + ": every kind of file is shown before it is sent", "sys/devices/system/cpu/online" in said)
            check(machine + ": no times and no owners", owners == {(0, 0, 0)})
            check(machine + ": the display device is in it", pci + "class" in names)
            # Of what the fixture held, nothing that is read is missing.
            again = {line for line in tool("topology_text.py", archive).split("\n") if line}
            with open(fixture) as f:
                lost = [line for line in f.read().split("\n") if line and not line.startswith("#") and line not in again]
            check(machine + ": a fixture made of the capture says the same", not lost)
            for line in lost[:5]:
                print("   lost:", line[:120])
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
