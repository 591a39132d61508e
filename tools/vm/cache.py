# SPDX-License-Identifier: GPL-2.0-only
"""Where what is fetched and built for guests is kept, and how we say what takes time.

Everything lies under ${XDG_CACHE_HOME:-~/.cache}/vigil and may be deleted at any time.
"""

import contextlib
import fcntl
import os
import pathlib
import sys
import time


class Missing(Exception):
    """Something this machine lacks. The text is one sentence for a person: what, and what to do."""


def cache_dir(*parts):
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = pathlib.Path(base, "vigil", *parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def say(text):
    """Progress goes to stderr, so that stdout stays what the guest or the suite printed."""
    print(f"\033[2m{text}\033[0m" if sys.stderr.isatty() else text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(name):
    """Only one holder of `name` at a time among all our runs of this user; says so when it has to wait."""
    with open(cache_dir() / f"{name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: another run holds the {name} lock")
            began = time.monotonic()
            fcntl.flock(lock, fcntl.LOCK_EX)
            say(f"waited {time.monotonic() - began:.0f} s for the {name} lock")
        yield
