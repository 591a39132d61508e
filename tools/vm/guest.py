#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boot a guest, run a script in it, come back with what it printed, its exit status and its files.

    guest = Guest(kernel="7.3", shape="2ccd", programs=["build/scx_vigil"])
    result = guest.run("scx_vigil --check", time_limit=60)
    result.status, result.output, result.files["name in /out"]

One guest at a time: they are slow, and two of them would be unfair to each other's clocks. README.md here
explains the machine a script finds itself on.
"""

import ctypes
import dataclasses
import io
import json
import os
import pathlib
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import initramfs
import kernels
from cache import Missing, locked, say
from shapes import SHAPES, Shape

HERE = pathlib.Path(__file__).resolve().parent
CHANNEL_MODULES = ("virtio_pci", "virtio_console", "virtio_rng")
BOOT_LIMIT_S = 180


@dataclasses.dataclass
class Result:
    status: int                 # of the script; 124 when the time limit ended it, 125 when the guest died
    output: str = ""
    files: dict = dataclasses.field(default_factory=dict)  # path below /out → bytes
    boot_s: float = 0.0
    wall_s: float = 0.0
    console: str = ""           # the kernel's own messages: look here when a guest died

    @property
    def timed_out(self):
        return self.status == 124

    @property
    def died(self):
        return self.status == 125


class _Died(Exception):
    pass


_LIBC = ctypes.CDLL(None)


def _die_with_parent():
    """In the emulator before it is executed: no guest outlives a harness that was killed."""
    _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@dataclasses.dataclass
class Guest:
    kernel: object = "7.3"              # a name kernels.find() knows, or a Kernel
    shape: object = "4"                 # a name of shapes.SHAPES, a number of CPUs, or a Shape
    memory: str = ""                    # "2G"; empty: the shape's own
    programs: list = dataclasses.field(default_factory=list)    # host paths → /usr/local/bin/<name>, with libraries
    files: dict = dataclasses.field(default_factory=dict)       # guest path → host path (file or folder) or bytes
    modules: list = dataclasses.field(default_factory=list)     # loaded at boot, where not built in
    modules_at_hand: list = dataclasses.field(default_factory=list)  # there for modprobe or udevd, not loaded
    environment: dict = dataclasses.field(default_factory=dict)
    qemu_args: list = dataclasses.field(default_factory=list)
    kernel_args: str = ""
    udevd: bool = False                 # the machine's own udevd and rules; start it with `start_udevd`
    icount: str = ""                    # "shift=1,sleep=off": guest time is instruction count
    qemu: str = ""                      # another qemu-system-x86_64; empty: the shape's

    def run(self, script, time_limit=120.0, on_output=None, quiet=False):
        """Run a shell script (its text) in a fresh guest.

        `on_output` is given each piece of text as it comes. A guest that dies before its script starts is booted
        once more: emulation aborts now and then.
        """
        kernel = self.kernel if isinstance(self.kernel, kernels.Kernel) else kernels.find(self.kernel)
        shape = self.shape if isinstance(self.shape, Shape) else SHAPES.get(str(self.shape)) or Shape.flat(int(self.shape))
        with tempfile.TemporaryDirectory(prefix="vigil-guest-") as work, locked("guest"):
            pathlib.Path(work, "initramfs").write_bytes(self._initramfs(kernel, script))
            command = self._command(kernel, shape, work)
            for attempt in (1, 2):
                if not quiet:
                    say(f"booting a guest: Linux {kernel.release}, {shape.summary} …")
                try:
                    return _Run(command, work, time_limit, on_output, quiet).to_the_end()
                except _Died as died:
                    reason, console = str(died), _read(work, "console")
                    if attempt == 1:
                        say(f"guest died before its first line ({reason}); once more")
            last = "\n".join(console.splitlines()[-15:])
            return Result(125, f"guest died twice before its first line: {reason}\n{last}\n", console=console)

    def _initramfs(self, kernel, script):
        tree = initramfs.base_tree()
        tree.copy("init", HERE / "guest_init.sh")
        tree.copy("vigil/bin", HERE / "guest_bin")
        if self.udevd:
            add_udevd(tree)
        for program in self.programs:
            tree.program(f"usr/local/bin/{os.path.basename(program)}", program)
        for path, source in self.files.items():
            if isinstance(source, bytes):
                tree.file(path, source, 0o755 if source.startswith(b"#!") else 0o644)
            else:
                tree.copy(path, source)
        wanted = [*CHANNEL_MODULES, *self.modules]
        loaded = initramfs.add_modules(tree, kernel, [*wanted, *self.modules_at_hand], with_index=self.udevd)
        loaded = [name for name in loaded if name in {w.replace("-", "_") for w in wanted}]
        tree.file("vigil/modules", ("\n".join(loaded) + "\n").encode())
        tree.file("vigil/environment", "".join(
            f"export {name}={shlex.quote(str(value))}\n" for name, value in self.environment.items()).encode())
        tree.file("vigil/script", (script if script.startswith("#!") else "#!/bin/sh\n" + script).encode(), 0o755)
        return tree.cpio()

    def _command(self, kernel, shape, work):
        qemu = self.qemu or shape.find_qemu()
        # Jump labels: the kernel patches its own code when a scheduler is loaded, and emulation with a host
        # thread for each vCPU crashes on that (int3 in __schedule).
        single = kernel.has_jump_labels or self.icount
        command = [qemu, "-accel", f"tcg,thread={'single' if single else 'multi'}",
                   "-machine", "q35", *shape.args, "-m", self.memory or shape.memory,
                   "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   "-serial", f"file:{work}/console", "-device", "virtio-serial-pci,bus=pcie.0", "-device", "virtio-rng-pci,bus=pcie.0",
                   "-kernel", str(kernel.image), "-initrd", f"{work}/initramfs",
                   "-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check "
                              "rdinit=/init oops=panic " + self.kernel_args]
        if self.icount:
            command += ["-icount", self.icount]
        return command + list(self.qemu_args)


class _Run:
    """One boot: the emulator, its channels, and the clock that ends it."""

    def __init__(self, command, work, time_limit, on_output, quiet):
        self._work, self._limit, self._on_output, self._quiet = work, time_limit, on_output, quiet
        self._result = None
        self._output, self._files = io.StringIO(), bytearray()
        self._partial = b""         # of a UTF-8 character at the end of what was read
        self._control_line = b""
        self._files_expected = 0
        self._status = None
        self._ready_at = None
        self._began = time.monotonic()
        self._ends, theirs = {}, []
        for channel in ("out", "control", "files", "qmp"):
            mine, other = socket.socketpair()
            self._ends[channel] = mine
            theirs.append(other)
            fd = other.fileno()
            command = command + ["-chardev", f"socket,id={channel},fd={fd}"]
            if channel == "qmp":
                command += ["-mon", "chardev=qmp,mode=control"]
            else:
                command += ["-device", f"virtserialport,chardev={channel},name=vigil.{channel}"]
        self._errors = open(os.path.join(work, "qemu-errors"), "wb")
        self._qemu = subprocess.Popen(command, pass_fds=[other.fileno() for other in theirs], stdin=subprocess.DEVNULL,
                                      stdout=self._errors, stderr=self._errors, preexec_fn=_die_with_parent)
        for other in theirs:
            other.close()
        self._qmp = self._ends["qmp"].makefile("rw")

    def to_the_end(self):
        try:
            self._greet()
            with selectors.DefaultSelector() as selector:
                for channel in ("out", "control", "files"):
                    selector.register(self._ends[channel], selectors.EVENT_READ, channel)
                self._serve(selector)
            return self._finish()
        finally:
            if self._qemu.poll() is None:
                self._qemu.kill()
            self._qemu.wait()
            self._qmp.close()
            for end in self._ends.values():
                end.close()
            self._errors.close()

    def _serve(self, selector):
        while selector.get_map():
            deadline = self._began + BOOT_LIMIT_S if self._ready_at is None else self._ready_at + self._limit
            left = deadline - time.monotonic()
            if left <= 0:
                if self._ready_at is None:
                    raise _Died(f"no sign of life in {BOOT_LIMIT_S} s")
                self._status = 124
                self._take_text(f"guest: the time limit of {self._limit:.0f} s ended it\n".encode())
                return
            for key, _ in selector.select(timeout=min(left, 5)):
                try:
                    data = key.fileobj.recv(1 << 16)
                except ConnectionError:     # the emulator died
                    data = b""
                if not data:
                    selector.unregister(key.fileobj)
                elif key.data == "out":
                    self._take_text(data)
                elif key.data == "files":
                    self._files += data
                else:
                    self._take_control(data)
            if self._status is not None and len(self._files) >= self._files_expected:
                self._quit_and_drain(selector)
                return
            if self._qemu.poll() is not None and not selector.get_map():
                return

    def _quit_and_drain(self, selector):
        """The script is over: end the machine and take what is still in the pipe."""
        self._ends["qmp"].settimeout(10)
        try:
            self._ends["qmp"].sendall(b'{"execute":"quit"}\n')
        except OSError:
            pass
        out = self._ends["out"]
        if out in selector.get_map():
            out.settimeout(10)
            try:
                while data := out.recv(1 << 16):
                    self._take_text(data)
            except OSError:
                pass

    def _take_text(self, data):
        data = self._partial + data
        text = data.decode(errors="ignore")
        tail = data[-3:]
        self._partial = b""
        for cut in range(1, len(tail) + 1):     # a character cut in two waits for its rest
            if tail[-cut] >= 0xC0 and cut < (2 if tail[-cut] < 0xE0 else 3 if tail[-cut] < 0xF0 else 4):
                self._partial = tail[-cut:]
        self._output.write(text)
        if self._on_output:
            self._on_output(text)

    def _take_control(self, data):
        self._control_line += data
        while b"\n" in self._control_line:
            line, _, self._control_line = self._control_line.partition(b"\n")
            word, _, rest = line.decode(errors="replace").partition(" ")
            answer = ""
            if word == "ready":
                self._ready_at = time.monotonic()
                if not self._quiet:
                    say(f"guest is up after {self._ready_at - self._began:.1f} s")
            elif word == "files":
                self._files_expected = int(rest)
            elif word == "exit":
                self._status = int(rest)
            elif word == "monitor":
                answer = self._monitor(rest)
            else:
                answer = f"Error: the host end does not know '{word}'"
            text = "".join(f"{reply}\n" for reply in answer.replace("\r", "").splitlines()) + ".\n"
            try:
                self._ends["control"].sendall(text.encode())
            except ConnectionError:
                pass                        # the emulator died; the next read says so

    def _greet(self):
        self._ends["qmp"].settimeout(30)
        try:
            if not self._qmp.readline():
                raise _Died("it did not start")
            self._ask("qmp_capabilities")
        except (OSError, ValueError):
            raise _Died(_read(self._work, "qemu-errors").strip() or "it did not start") from None
        except _Died:
            self._qemu.wait(timeout=5)
            raise _Died(_read(self._work, "qemu-errors").strip() or "it did not start") from None

    def _ask(self, command, **arguments):
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while line := self._qmp.readline():
            message = json.loads(line)
            if "return" in message:
                return message["return"]
            if "error" in message:
                return "Error: " + message["error"]["desc"]
        raise _Died("the emulator went away")

    def _monitor(self, line):
        try:
            answer = self._ask("human-monitor-command", **{"command-line": line})
            return answer if isinstance(answer, str) else ""
        except (OSError, ValueError, _Died) as error:
            return f"Error: the monitor did not answer: {error}"

    def _finish(self):
        if self._status is None and self._ready_at is None:
            self._qemu.wait(timeout=10)
            raise _Died(_read(self._work, "qemu-errors").strip() or "it ended while booting")
        console = _read(self._work, "console")
        if self._status is None:
            self._status = 125
            tail = "\n".join(console.splitlines()[-25:])
            self._take_text(f"guest: it died while the script ran; its last words:\n{tail}\n".encode())
        files = {}
        if self._files_expected:
            with tarfile.open(fileobj=io.BytesIO(bytes(self._files))) as archive:
                for member in archive.getmembers():
                    if member.isfile():
                        files[member.name.removeprefix("./")] = archive.extractfile(member).read()
        now = time.monotonic()
        return Result(self._status, self._output.getvalue(), files, (self._ready_at or now) - self._began,
                      now - self._began, console)


def add_udevd(tree):
    """The machine's own udev: daemon, rules and what they call."""
    found = {}
    for name in ("udevadm", "kmod"):
        found[name] = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not found[name]:
            raise Missing(f"{name} is missing, which a guest with udevd needs: install udev and kmod.")
    tree.program("bin/udevadm", found["udevadm"])
    tree.link("sbin/systemd-udevd", "/bin/udevadm")
    tree.program("bin/kmod", found["kmod"])
    for applet in ("modprobe", "insmod", "rmmod", "lsmod", "depmod", "modinfo"):
        tree.link(f"sbin/{applet}", "/bin/kmod")
        tree.link(f"bin/{applet}", "/bin/kmod")
    for folder in ("/usr/lib/udev", "/lib/udev"):
        if os.path.isdir(folder + "/rules.d"):
            tree.copy("usr/lib/udev/rules.d", folder + "/rules.d")
            for helper in ("ata_id", "cdrom_id", "scsi_id", "v4l_id", "dmi_memory_id", "mtd_probe"):
                if os.path.exists(f"{folder}/{helper}"):
                    tree.program(f"usr/lib/udev/{helper}", f"{folder}/{helper}")
            break
    tree.link("lib/udev", "/usr/lib/udev")
    tree.directory("etc/udev/rules.d")
    tree.file("etc/group", b"root:x:0:\ntty:x:5:\ndisk:x:6:\nlp:x:7:\ndialout:x:20:\ncdrom:x:24:\ntape:x:26:\n"
                           b"audio:x:29:\nvideo:x:44:\nkmem:x:15:\ninput:x:104:\nkvm:x:105:\nrender:x:106:\nsgx:x:107:\n"
                           b"nogroup:x:65534:\n")


def _read(folder, name):
    try:
        return pathlib.Path(folder, name).read_text(errors="replace")
    except FileNotFoundError:
        return ""


def main():
    import argparse
    parser = argparse.ArgumentParser(prog="guest.py", description="Run a command or script in a fresh guest; its exit "
                                     "status is this program's (124: time limit, 125: the guest died).")
    parser.add_argument("--kernel", default="7.3", help="7.3, 6.12, or a folder with bzImage and config")
    parser.add_argument("--shape", default="4", help=f"a number of CPUs, or one of {', '.join(SHAPES)}")
    parser.add_argument("--memory", default="")
    parser.add_argument("--program", action="append", default=[], help="goes to /usr/local/bin, with its libraries")
    parser.add_argument("--file", action="append", default=[], metavar="GUEST=HOST")
    parser.add_argument("--module", action="append", default=[])
    parser.add_argument("--qemu-arg", action="append", default=[])
    parser.add_argument("--udevd", action="store_true")
    parser.add_argument("--icount", default="")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS")
    parser.add_argument("--out", metavar="FOLDER", help="where files left in /out go")
    parser.add_argument("--console", action="store_true", help="show the kernel's messages afterwards")
    parser.add_argument("--script", help="a script file instead of a command")
    parser.add_argument("command", nargs="*", help="a command line for the guest's shell")
    arguments = parser.parse_args()
    script = pathlib.Path(arguments.script).read_text() if arguments.script else " ".join(arguments.command)
    try:
        result = Guest(kernel=arguments.kernel, shape=arguments.shape, memory=arguments.memory,
                       programs=arguments.program, files=dict(pair.split("=", 1) for pair in arguments.file),
                       modules=arguments.module, qemu_args=arguments.qemu_arg, udevd=arguments.udevd,
                       icount=arguments.icount,
                       ).run(script, arguments.limit, on_output=lambda text: print(text, end="", flush=True))
    except Missing as missing:
        sys.exit(str(missing))
    if arguments.console:
        say(result.console)
    if result.died and "died twice" in result.output:
        say(result.output)
    for name, content in result.files.items():
        if arguments.out:
            path = pathlib.Path(arguments.out, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    sys.exit(result.status)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has gone
        os._exit(141)
