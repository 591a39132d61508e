#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Fails on an #include that crosses the layers of src/.

The allowed crossings are the table in src/README.md, so the picture people read and the rule that is enforced
are one. Every folder of src/ needs a row; a folder may always include itself. Names in the third column stand
for groups of headers, listed in HEADER_GROUPS below.

usage: check_layers.py [SRC]        check the tree (SRC is the src/ folder; default: the one of this checkout)
       check_layers.py --self-test  prove that a crossing is found
"""

import fnmatch
import pathlib
import re
import sys
import tempfile

HEADER_GROUPS = {
    "std": ["[a-z_]*", "tl/expected.hpp"],  # no dot, no slash: <vector>, <cstdint>; and C++23's expected as a library
    "libc": ["*.h", "sys/*.h", "linux/*.h", "netinet/*.h", "arpa/*.h", "asm/*.h"],
    "libuv": ["uv.h"],
    "spdlog": ["spdlog/*", "fmt/*"],
    "libbpf": ["bpf/*.h"],
    "libelf": ["libelf.h", "gelf.h"],
    "libudev": ["libudev.h"],
    "libnl": ["netlink/*"],
    "libsystemd": ["systemd/*"],
    "json": ["nlohmann/*"],
    "toml": ["toml++/*"],
    "CLI11": ["CLI/*"],
    "bpf/abi.h": [],        # our own, below: what is shared with BPF code
    "bpf/policy": [],
    "bpf/devices_abi.h": [],
}
# uv.h and libudev.h would pass as libc otherwise.
NOT_LIBC = {header for group in ("libuv", "libelf", "libudev") for header in HEADER_GROUPS[group]}
SHARED_WITH_BPF = {"abi.h": "bpf/abi.h", "policy/": "bpf/policy", "devices_abi.h": "bpf/devices_abi.h"}


class TableError(Exception):
    pass


def read_table(readme):
    """{folder: (folders it may include, groups of external headers)} of the table under 'Who may include whom'."""
    table, inside = {}, False
    for number, line in enumerate(readme.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 3:
            inside = False
        elif cells[0] == "folder":
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            groups = {name.strip("` ") for name in cells[2].split(",")} - {"–", ""}
            unknown = groups - set(HEADER_GROUPS)
            if unknown:
                raise TableError(f"{readme}:{number}: unknown header group {', '.join(sorted(unknown))}")
            folders = {name.strip("` ") for name in cells[1].split(",")} - {"–", ""}
            for folder in expand(cells[0].strip("`")):
                table[folder] = (folders, groups)
    if not table:
        raise TableError(f"{readme}: no table with the columns folder | may include | external headers")
    return table


def expand(name):
    """edge/{udev,netlink} → edge/udev, edge/netlink"""
    found = re.fullmatch(r"(.*)\{(.*)\}", name)
    return [found.group(1) + part.strip() for part in found.group(2).split(",")] if found else [name]


def layer_of(path, table):
    """The row that governs a file: that of its folder, or of the nearest folder above."""
    for folder in [path, *path.parents]:
        if str(folder) in table:
            return str(folder)
    return None


def allowed(folder, target, rule):
    return target == folder or any(target == may or (may.endswith("/*") and target.startswith(may[:-1])) or may == "*"
                                   for may in rule)


def header_group(header):
    for group, patterns in HEADER_GROUPS.items():
        if group == "libc" and (header in NOT_LIBC or header.startswith("bpf/")):
            continue
        if group == "libc" and "/" in header and not header.startswith(("sys/", "linux/", "netinet/", "arpa/", "asm/")):
            continue
        if group == "std" and header not in patterns and ("." in header or "/" in header):
            continue
        if any(fnmatch.fnmatch(header, pattern) for pattern in patterns):
            return group
    return None


def check(src):
    """All crossings as sentences `file:line: …`."""
    table = read_table(src / "README.md")
    mistakes = []
    for path in sorted(p for p in src.rglob("*") if p.suffix in (".cpp", ".hpp", ".c", ".h")):
        relative = path.relative_to(src)
        folder = layer_of(relative, table)
        if folder is None:
            mistakes.append(f"src/{relative}: {relative.parent} has no row in the table of src/README.md")
            continue
        folders, groups = table[folder]
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
            if not found:
                continue
            header, where = found.group(2), f"src/{relative}:{number}"
            ours = next((group for start, group in SHARED_WITH_BPF.items()
                         if header.removeprefix("bpf/").startswith(start) and found.group(1) == '"'), None)
            if ours:
                if ours not in groups:
                    mistakes.append(f"{where}: {folder} may not include {ours}")
            elif found.group(1) == '"':
                if (src / header).exists():
                    target = layer_of(pathlib.Path(header), table)
                elif (path.parent / header).exists():
                    target = layer_of((path.parent / header).resolve().relative_to(src.resolve()), table)
                else:
                    mistakes.append(f'{where}: "{header}" is not below src/; a header from outside is included with < >')
                    continue
                if target is not None and not allowed(folder, target, folders):
                    mistakes.append(f"{where}: {folder} may not include {target} ({header})")
            else:
                group = header_group(header)
                if group is None:
                    mistakes.append(f"{where}: <{header}> is in no header group of tools/check_layers.py")
                elif group not in groups:
                    mistakes.append(f"{where}: {folder} may not include {group} headers (<{header}>)")
    return mistakes


def self_test():
    """A small tree with one mistake of each kind: each must be found, and nothing else."""
    readme = ("# x\n\n| folder | may include | external headers |\n|---|---|---|\n| base | – | std |\n"
              "| core | base, core/* | std |\n| core/{a,b} | base | std |\n| wire | base, core | std, `bpf/abi.h` |\n")
    files = {
        "base/text.hpp": "#include <string>\n",
        "core/engine.cpp": '#include "core/a/a.hpp"\n#include <vector>\n',
        "core/a/a.hpp": '#include "base/text.hpp"\n',
        "wire/ring.cpp": '#include "core/engine.hpp"\n#include "abi.h"\n#include "bpf/abi.h"\n',
        "core/engine.hpp": "",
        "base/up.hpp": '#include "core/engine.hpp"\n',
        "core/a/sideways.cpp": '#include "core/b/b.hpp"\n',
        "core/b/b.hpp": "#include <unistd.h>\n",
        "core/b/uv.cpp": "#include <uv.h>\n",
        "core/abi.cpp": '#include "bpf/abi.h"\n',
        "lost/file.cpp": "",
        "base/nowhere.cpp": '#include "nowhere.hpp"\n',
    }
    expected = {"base/up.hpp", "core/a/sideways.cpp", "core/b/b.hpp", "core/b/uv.cpp", "core/abi.cpp", "lost/file.cpp",
                "base/nowhere.cpp"}
    with tempfile.TemporaryDirectory() as work:
        src = pathlib.Path(work, "src")
        for name, text in {"README.md": readme, **files}.items():
            (src / name).parent.mkdir(parents=True, exist_ok=True)
            (src / name).write_text(text)
        found = {re.match(r"src/([^:]+):", mistake).group(1) for mistake in check(src)}
    for name in sorted(expected | found):
        print(f"{'ok' if name in expected and name in found else 'not ok'} a mistake in {name} is found"
              + ("" if name in expected else " - there is none"))
    return 0 if found == expected else 1


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    src = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent / "src"
    try:
        mistakes = check(src)
    except TableError as error:
        mistakes = [str(error)]
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
