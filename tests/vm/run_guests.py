# SPDX-License-Identifier: GPL-2.0-only
"""The guest suites: finds them, boots a guest for each on each kernel, counts their cases. README.md explains."""

import dataclasses
import importlib.util
import os
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LONG = os.environ.get("VIGIL_LONG") == "1"
for folder in (ROOT / "tools/vm", ROOT / "tools/lib"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from cache import Missing, say
from guest import Guest
from tally import Tally


@dataclasses.dataclass
class Suite:
    """What one guest suite needs and does. `script` is shell, run in the guest with lib/test.sh at hand."""
    name: str
    script: str
    kernels: tuple = ("7.3", "6.12")
    long_kernels: tuple = ()        # ... more of them with VIGIL_LONG=1
    shape: object = "4"
    memory: str = ""
    programs: tuple = ()            # names in the build folder, or paths below it
    files: dict = dataclasses.field(default_factory=dict)   # guest path → path below the repository (BUILD/… below the
                                                            # build folder), or bytes
    modules: tuple = ()
    modules_at_hand: tuple = ()
    environment: dict = dataclasses.field(default_factory=dict)
    qemu_args: tuple = ()
    udevd: bool = False
    icount: str = ""
    time_limit: float = 120
    long_time_limit: float = 0      # ... with VIGIL_LONG=1, which the script finds in its environment
    after: object = None            # after(result, say_case): checks on the host, see README.md


LIST_KEYS = {"kernels", "long_kernels", "programs", "modules", "modules_at_hand", "qemu_args"}


def _from_shell(path):
    """A suite that is a shell script; its needs are `# key: value` lines at its top."""
    text = path.read_text()
    suite = Suite(path.stem, text)
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        found = re.match(r"# (\w+): (.*)$", line)
        if not found or found.group(1) not in {field.name for field in dataclasses.fields(Suite)} - {"name", "script"}:
            continue
        key, value = found.groups()
        if key in LIST_KEYS:
            value = tuple(value.split())
        elif key in ("files", "environment"):
            value = dict(pair.split("=", 1) for pair in value.split())
        elif key in ("time_limit", "long_time_limit"):
            value = float(value)
        elif key == "udevd":
            value = value == "yes"
        setattr(suite, key, value)
    return suite


def _from_python(path):
    spec = importlib.util.spec_from_file_location(f"vigil_vm_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("run_guests", sys.modules[__name__])
    spec.loader.exec_module(module)
    return list(module.SUITES)


def suites():
    """Every suite of this folder, in the order of their names."""
    found = [_from_shell(path) for path in HERE.glob("*.sh")]
    for path in HERE.glob("*_suite.py"):
        found += _from_python(path)
    return sorted(found, key=lambda suite: suite.name)


def run(chosen, build, only_kernels=None):
    """Runs the suites on each of their kernels; returns the tally."""
    tally, unavailable = Tally(), {}
    build = pathlib.Path(build).resolve()
    for suite in chosen:
        for kernel in (*suite.kernels, *(suite.long_kernels if LONG else ())):
            if only_kernels and kernel not in only_kernels:
                continue
            label = f"vm/{suite.name} on {kernel}"
            if kernel in unavailable:
                tally.skips.append(f"{label}: {unavailable[kernel]}")
                continue
            print(f"--- {label}", flush=True)
            began = time.monotonic()
            try:
                tally.add(_run_one(suite, kernel, label, build))
            except Missing as missing:
                print(f"skip {suite.name} - {missing}")
                tally.skips.append(f"{label}: {missing}")
                if f"no {kernel} kernel" in str(missing):
                    unavailable[kernel] = str(missing)
            say(f"{label}: {time.monotonic() - began:.0f} s")
    return tally


def _source(source, build):
    if isinstance(source, bytes):
        return source
    return build / source.removeprefix("BUILD/") if source.startswith("BUILD/") else ROOT / source


def _run_one(suite, kernel, label, build):
    tally, pending = Tally(), [""]

    def take(text):
        print(text, end="", flush=True)
        *lines, pending[0] = (pending[0] + text).split("\n")
        for line in lines:
            tally.take_line(label, line)

    def say_case(name, passed, why=""):
        take(f"{'ok' if passed else 'not ok'} {name}" + (f" - {why}" if why and not passed else "") + "\n")

    programs = [build / name for name in suite.programs]
    for program in programs:
        if not program.exists():
            tally.failures.append(f"{label}: {program} was not built")
            return tally
    guest = Guest(kernel=kernel, shape=suite.shape, memory=suite.memory, programs=programs, modules=list(suite.modules),
                  modules_at_hand=list(suite.modules_at_hand), qemu_args=list(suite.qemu_args), udevd=suite.udevd,
                  icount=suite.icount, environment={"KERNEL": kernel, "VIGIL_LONG": "1" if LONG else "0", **suite.environment},
                  files={"/vigil/lib": HERE / "lib",
                         **{path: _source(source, build) for path, source in suite.files.items()}})
    limit = suite.long_time_limit if LONG and suite.long_time_limit else suite.time_limit
    result = guest.run(suite.script, time_limit=limit, on_output=take)
    if result.died and "died twice" in result.output:
        take(result.output)
    if pending[0]:
        take("\n")
    if suite.after and not result.died:
        suite.after(result, say_case)
    if result.status != 0:
        reason = {124: f"it ran past its time limit of {limit:.0f} s", 125: "the guest died"}.get(
            result.status, f"its script ended with status {result.status}")
        if not tally.failures or result.status in (124, 125):
            tally.failures.append(f"{label}: {reason}")
        if result.status in (124, 125):
            print("the kernel's last messages:\n" + "\n".join(result.console.splitlines()[-25:]))
    elif not (tally.passed or tally.failures or tally.skips):
        tally.failures.append(f"{label}: it reported no test case")
    return tally
