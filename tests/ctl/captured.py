#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""This very machine, captured and read back, is the same as read live.

usage: captured.py VIGILCTL
"""
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

CAPTURE = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/capture_topology"


def ask(vigilctl, what, *options):
    return json.loads(subprocess.run([vigilctl, what, "--json", *options], check=True, capture_output=True, text=True).stdout)


def without_cpuid(topology):
    """Less what only the running CPU says of itself: a capture has no CPUID. And less what is told of that."""
    for cpu in topology["cpus"]:
        del cpu["ccd"], cpu["kind"]
    for llc in topology["llcs"]:
        del llc["ccd"]
    return {key: value for key, value in topology.items() if key not in ("ccds", "notes")}


def main():
    vigilctl, failed = sys.argv[1], False
    with tempfile.TemporaryDirectory() as folder:
        archive = pathlib.Path(folder, "machine.tar.xz")
        subprocess.run([sys.executable, CAPTURE, "-o", archive], check=True, capture_output=True)
        with tarfile.open(archive) as tar:
            tar.extractall(folder)
        for what, comparable in (("topology", without_cpuid), ("devices", lambda devices: devices)):
            live, back = ask(vigilctl, what), ask(vigilctl, what, "--sysfs-root", f"{folder}/sys")
            same = comparable(live) == comparable(back)
            print(f"{'ok' if same else 'not ok'} {what} of this machine, captured, is the same as live"
                  + ("" if same else f" - live {json.dumps(live)[:400]}, captured {json.dumps(back)[:400]}"))
            failed |= not same
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
