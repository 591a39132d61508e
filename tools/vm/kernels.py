# SPDX-License-Identifier: GPL-2.0-only
"""Which kernel a guest boots.

`7.3`   the folder VIGIL_KERNEL_7_3 names, else Debian's packaged kernel (trixie-backports), fetched and
        unpacked into the cache; nothing is installed.
`6.12`  the folder VIGIL_KERNEL_6_12 names, else the one `tools/dev vm --build-kernel 6.12` built.
A kernel folder holds `bzImage`, its `config`, and perhaps modules: *.ko beside them or a lib/modules tree.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import struct
import subprocess

from cache import Missing, cache_dir, locked, say
from debian import Suite

VERSIONS = ("7.3", "6.12")
PACKAGED_SUITE = "trixie-backports"


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str                    # what a suite asked for: "7.3"
    release: str                 # what uname -r will say
    image: pathlib.Path
    config: pathlib.Path
    modules: pathlib.Path | None  # …/lib/modules/RELEASE with modules.dep, where it has a tree of them
    loose_modules: tuple         # *.ko that lie beside the image

    def option(self, name):
        """`y`, `m` or a value of CONFIG_name; None when it is not set."""
        found = re.search(rf"^CONFIG_{name}=(.*)$", self.config.read_text(), re.MULTILINE)
        return found.group(1) if found else None

    @property
    def has_jump_labels(self):
        """Emulation with one host thread a vCPU crashes while such a kernel patches its own code."""
        return self.option("JUMP_LABEL") == "y"


def _release_of(image):
    with open(image, "rb") as file:
        head = file.read(0x10000)
    offset = struct.unpack_from("<H", head, 0x20E)[0] + 0x200
    return head[offset:head.index(b"\0", offset)].split()[0].decode()


def from_folder(name, folder):
    folder = pathlib.Path(folder).resolve()
    image, config = folder / "bzImage", folder / "config"
    for needed in (image, config):
        if not needed.exists():
            raise Missing(f"{folder} is no kernel folder: {needed.name} is missing there.")
    release = _release_of(image)
    tree = next((path for path in (folder / "lib/modules" / release, folder / "usr/lib/modules" / release)
                 if (path / "modules.dep").exists()), None)
    return Kernel(name, release, image, config, tree, tuple(sorted(folder.glob("*.ko"))))


def find(name):
    """The kernel of that name, fetched if need be; raises Missing with the sentence to print."""
    variable = "VIGIL_KERNEL_" + name.replace(".", "_")
    if os.environ.get(variable):
        return from_folder(name, os.environ[variable])
    if name == "7.3":
        return from_folder(name, _packaged())
    if os.path.isdir(name):
        return from_folder(os.path.basename(os.path.abspath(name)), name)
    built = cache_dir("kernels") / f"built-{name}"
    if built.exists():
        return from_folder(name, built)
    raise Missing(f"no {name} kernel: `tools/dev vm --build-kernel {name}` builds one (about 15 minutes on two cores),"
                  f" or {variable} names a folder with bzImage and config")


def _packaged():
    """Debian's kernel with sched_ext, unpacked; one newer than 7.3 once the archive has moved on."""
    kernels = cache_dir("kernels")
    have = sorted(kernels.glob("debian-7.3*")) or sorted(kernels.glob("debian-*"))
    if have:
        return have[-1]
    with locked("fetch"):
        if shutil.which("dpkg") is None:
            raise Missing("dpkg is missing, so Debian's kernel cannot be unpacked; VIGIL_KERNEL_7_3 may name another.")
        suite = Suite(PACKAGED_SUITE)
        say(f"looking for a sched_ext kernel in {PACKAGED_SUITE} …")
        suite.update()
        arch = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
        if arch != "amd64":
            raise Missing(f"Guests are made for amd64, this machine is {arch}; guest suites need another machine.")
        pattern = re.compile(r"^linux-binary-(\d+\.\d+\.\d+\+deb\d+-amd64)$")
        releases = [found.group(1) for found in map(pattern.match, suite.names("linux-binary-")) if found]
        releases = [r for r in releases if suite.fields(f"linux-binary-{r}")]
        if not releases:
            raise Missing(f"{PACKAGED_SUITE} has no kernel this script knows; VIGIL_KERNEL_7_3 may name another.")
        releases.sort(key=lambda r: (r.startswith("7.3."), [int(n) for n in re.findall(r"\d+", r)]))
        release = releases[-1]
        folder = kernels / f"debian-{release}"
        suite.unpack([f"linux-{part}-{release}" for part in ("binary", "modules", "base")], folder)
        try:
            for link, names in (("bzImage", (f"usr/lib/modules/{release}/vmlinuz", f"boot/vmlinuz-{release}")),
                                ("config", (f"usr/lib/modules/{release}/config", f"boot/config-{release}"))):
                target = next((name for name in names if (folder / name).exists()), None)
                if target is None:
                    raise Missing(f"Debian's {release} kernel has no {link} where it is known to lie.")
                (folder / link).symlink_to(target)
            root = folder / "usr" if (folder / "usr/lib/modules").exists() else folder
            say("indexing its modules …")
            subprocess.run(["depmod", "-b", root, release], check=True, stderr=subprocess.DEVNULL,
                           env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
            from_folder("7.3", folder)
        except BaseException:
            shutil.rmtree(folder)
            raise
    return folder
