#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The scheduler at work in a guest: a demonstration, or a command of the user's with the scheduler attached.

usage: demo.py --build DIR [--kernel VERSION] [--shape SHAPE] [--for SECONDS] [-- COMMAND...]
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile

from cache import Missing
from guest import Guest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def main():
    parser = argparse.ArgumentParser(prog="tools/dev vm")
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--kernel", default="7.3")
    parser.add_argument("--shape", default="2ccd")
    parser.add_argument("--for", dest="seconds", type=int, default=10)
    parser.add_argument("command", nargs="*")
    arguments = parser.parse_args()

    what = " ".join(arguments.command) if arguments.command else (HERE / "demo.sh").read_text()
    stand_in = tempfile.TemporaryDirectory()
    game = pathlib.Path(stand_in.name, "Game.exe")  # a program that only waits, under a game's name
    shutil.copy(shutil.which("sleep"), game)
    try:
        guest = Guest(kernel=arguments.kernel, shape=arguments.shape, memory="2G",
                      programs=[arguments.build / name for name in ("scx_vigil", "vigilctl")] + [game],
                      files={"/usr/share/vigil/rules.d": ROOT / "tools/rules.d", "/vigil/lib": ROOT / "tests/vm/lib"},
                      environment={"SECONDS_OF_LOAD": arguments.seconds})
        result = guest.run((HERE / "start.sh").read_text() + what, time_limit=600 + 4 * arguments.seconds,
                           on_output=lambda text: print(text, end="", flush=True))
    except Missing as missing:
        sys.exit(f"tools/dev: {missing}")
    if result.died:
        print("\n".join(result.console.splitlines()[-30:]), file=sys.stderr)
    return result.status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has gone
        os._exit(141)
