#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Builds the small guest kernel of the old end of our range: tools/vm/build_kernel.py 6.12

Source: Debian's linux-source package of that series, through a private apt configuration. Configuration: tinyconfig
with guest-VERSION.config laid over it. What is kept, in the cache folder: bzImage, config, test_power.ko.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from cache import Missing, cache_dir, locked, say
from debian import Suite, release_codename

HERE = pathlib.Path(__file__).resolve().parent


def source_suite(package):
    """The first suite of this machine's release that has the source package."""
    release = release_codename()
    for name in (f"{release}-security", release, f"{release}-backports"):
        suite = Suite(name)
        suite.update()
        if suite.fields(package):
            return suite
    raise Missing(f"Debian {release} has no {package}, so that kernel cannot be built here.")


def run_with_progress(command, folder, log, what):
    """Runs a long command, its output in a log, a line of progress every 20 s."""
    began = time.monotonic()
    with open(log, "ab") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        told = began
        try:
            while process.poll() is None:
                time.sleep(0.2)
                if time.monotonic() - told > 20:
                    told = time.monotonic()
                    steps = pathlib.Path(log).read_text(errors="replace").count("\n")
                    say(f"{what}: {steps} steps, {(told - began) / 60:.1f} min")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        tail = "\n".join(pathlib.Path(log).read_text(errors="replace").splitlines()[-15:])
        raise Missing(f"{what} failed; the end of {log}:\n{tail}")


def configure(source, fragment, make):
    """tinyconfig + fragment; every line of the fragment must have survived."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": source}
    subprocess.run([*make, "tinyconfig"], check=True, **quiet)
    wishes = fragment.read_text().replace("#? ", "")
    with open(source / ".config", "a") as config:
        config.write(wishes)
    subprocess.run([*make, "olddefconfig"], check=True, **quiet)
    got = set((source / ".config").read_text().splitlines())
    lost = [line for line in fragment.read_text().splitlines()
            if (line.startswith("CONFIG_") and line not in got)
            or (line.startswith("# CONFIG_") and line.split()[1] + "=y" in got)]
    if lost:
        raise Missing(f"these options of {fragment.name} did not survive: {', '.join(lost)}")


def build(version):
    fragment = HERE / f"guest-{version}.config"
    if not fragment.exists():
        raise Missing(f"there is no {fragment.name}; kernels that can be built: "
                      + ", ".join(re.findall(r"guest-(.*)\.config", " ".join(p.name for p in HERE.glob("guest-*.config")))))
    result = cache_dir("kernels") / f"built-{version}"
    with locked(f"build-kernel-{version}"):
        if result.exists() and (result / "fragment").read_bytes() == fragment.read_bytes():
            say(f"{result} is there already; remove it to build again")
            return
        work = cache_dir("build") / f"linux-{version}"
        shutil.rmtree(work, ignore_errors=True)
        package = f"linux-source-{version}"
        suite = source_suite(package)
        suite.unpack([package], work)
        archive = next(work.glob("usr/src/linux-source-*.tar.xz"))
        log = work / "build.log"
        run_with_progress(["tar", "-xf", archive, "--strip-components=1", "-C", work], work, log, "unpacking the source")
        archive.unlink()
        compiler = ["CC=ccache gcc"] if shutil.which("ccache") else []
        make = ["nice", "make", f"-j{os.cpu_count()}", *compiler, "KBUILD_BUILD_USER=vigil", "KBUILD_BUILD_HOST=vigil"]
        configure(work, fragment, make)
        run_with_progress([*make, "bzImage", "modules"], work, log, f"building Linux {version}")
        new = cache_dir("kernels") / f".built-{version}"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        shutil.copy(work / "arch/x86/boot/bzImage", new / "bzImage")
        shutil.copy(work / ".config", new / "config")
        shutil.copy(fragment, new / "fragment")
        for module in work.rglob("test_power.ko"):
            shutil.copy(module, new)
        shutil.rmtree(result, ignore_errors=True)
        new.rename(result)
        shutil.rmtree(work)
        say(f"built {result}")


if __name__ == "__main__":
    try:
        build(sys.argv[1] if len(sys.argv) == 2 else "6.12")
    except (Missing, subprocess.CalledProcessError) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
