# SPDX-License-Identifier: GPL-2.0-only
"""A guest's root: busybox, the programs under test with their libraries, the modules it needs.

Written as an uncompressed cpio archive straight from Python: some milliseconds, and the guest, which is slow,
has nothing to decompress.
"""

import functools
import io
import lzma
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

from cache import Missing


class Tree:
    """The files of a guest, by their path in it. Later additions win."""

    def __init__(self):
        self._entries = {}  # path → (mode, bytes)

    def directory(self, path, mode=0o755):
        path = path.strip("/")
        if path and path not in self._entries:
            if "/" in path:
                self.directory(path.rpartition("/")[0])
            self._entries[path] = (stat.S_IFDIR | mode, b"")

    def file(self, path, content, mode=0o644):
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entries[path] = (stat.S_IFREG | mode, content)

    def link(self, path, target):
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entries[path] = (stat.S_IFLNK | 0o777, target.encode())

    def copy(self, path, source):
        """A file, or a folder with everything below it; links are followed."""
        source = pathlib.Path(source)
        if source.is_dir():
            self.directory(path)
            for entry in source.iterdir():
                self.copy(f"{path.rstrip('/')}/{entry.name}", entry)
        else:
            try:
                self.file(path, source.read_bytes(), 0o755 if os.access(source, os.X_OK) else 0o644)
            except FileNotFoundError:
                raise Missing(f"{source} is missing, which the guest needs; is the build complete?") from None

    def program(self, path, source):
        """A program with the shared libraries it names."""
        self.copy(path, source)
        for library in libraries_of(os.path.realpath(source)):
            self.copy(library, library)

    def cpio(self):
        out = io.BytesIO()

        def entry(name, mode, content, inode):
            name = name.encode() + b"\0"
            fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
            out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
            out.write(b"\0" * (-out.tell() % 4) + content)
            out.write(b"\0" * (-out.tell() % 4))

        for number, (name, (mode, content)) in enumerate(sorted(self._entries.items()), 1):
            entry(name, mode, content, number)
        entry("TRAILER!!!", 0, b"", 0)
        return out.getbuffer()


@functools.cache
def libraries_of(program):
    """What the dynamic loader would map, the loader itself included; nothing for a static program."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    if "not found" in listing:
        raise Missing(f"{program} cannot run here: {listing[:listing.index('not found')].split()[-2]} is not found.")
    return tuple(re.findall(r"(/\S+) \(0x", listing))


@functools.cache
def busybox():
    """Path and applets of a static busybox."""
    path = shutil.which("busybox") or "/bin/busybox"
    if not os.path.exists(path) or libraries_of(path):
        raise Missing("A static busybox is missing, which every guest needs: install busybox-static.")
    return path, subprocess.run([path, "--list"], capture_output=True, text=True, check=True).stdout.split()


def _modules_by_name(text):
    """modules.dep as {name: path, needs}."""
    table = {}
    for line in text.splitlines():
        path, _, needs = line.partition(":")
        table[_module_name(path)] = (path, [_module_name(need) for need in needs.split()])
    return table


def _module_name(path):
    return re.sub(r"\.ko(\.\w+)?$", "", os.path.basename(path)).replace("-", "_")


def add_modules(tree, kernel, names, with_index):
    """Put the named modules and what they need into the tree, decompressed; returns those to load by name.

    What is built into the kernel is no module and quietly left out. `with_index` makes the tables that kmod and
    udevd look into; busybox's modprobe is content with modules.dep.
    """
    home = f"lib/modules/{kernel.release}"
    tree.directory(home)
    dep_lines = []
    for path in kernel.loose_modules:
        tree.copy(f"{home}/{path.name}", path)
        dep_lines.append(f"{path.name}:")
    loadable = []
    if kernel.modules:
        table = _modules_by_name((kernel.modules / "modules.dep").read_text())
        builtin = {_module_name(line) for line in (kernel.modules / "modules.builtin").read_text().splitlines()}
        wanted, queue = {}, [name.replace("-", "_") for name in names]
        for name in queue:
            if name in wanted or (name in builtin and name not in table):
                continue
            if name not in table:
                raise Missing(f"Kernel {kernel.release} has no module {name}.")
            wanted[name] = table[name]
            queue.extend(table[name][1])
        loadable = [name for name in (n.replace("-", "_") for n in names) if name in wanted]
        for name, (path, needs) in wanted.items():
            content = (kernel.modules / path).read_bytes()
            if path.endswith(".xz"):
                content, path = lzma.decompress(content), path[:-3]
            elif not path.endswith(".ko"):
                raise Missing(f"Module {path} is compressed in a way this script does not know.")
            tree.file(f"{home}/{path}", content)
            dep_lines.append(path + ": " + " ".join(re.sub(r"\.xz$", "", wanted[need][0]) for need in needs))
        for table_file in ("modules.builtin", "modules.order"):
            tree.copy(f"{home}/{table_file}", kernel.modules / table_file)
    tree.file(f"{home}/modules.dep", ("\n".join(dep_lines) + "\n").encode())
    if with_index:
        _index(tree, home, kernel.release)
    return loadable


def _index(tree, home, release):
    """depmod over the few modules of the tree."""
    with tempfile.TemporaryDirectory() as work:
        for name, (mode, content) in tree._entries.items():
            if name.startswith(home) and stat.S_ISREG(mode):
                path = pathlib.Path(work, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        subprocess.run(["depmod", "-b", work, release], check=True, stderr=subprocess.DEVNULL,
                       env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        for path in pathlib.Path(work, home).glob("modules.*"):
            tree.copy(f"{home}/{path.name}", path)


def base_tree():
    tree = Tree()
    for path in ("proc", "sys", "dev", "tmp", "run", "root", "etc", "out", "var/run", "usr/bin", "sbin", "lib64"):
        tree.directory(path)
    path, applets = busybox()
    tree.copy("bin/busybox", path)
    for applet in set(applets) - {"busybox"}:
        tree.link(f"bin/{applet}", "busybox")
    tree.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    tree.file("etc/group", b"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n")
    return tree
