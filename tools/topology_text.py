#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Turn a captured machine into the text form in which tests keep it, or back into a folder.

    tools/topology_text.py machine.tar.xz > tests/fixtures/topology/machine.txt
    tools/topology_text.py FOLDER > …             (a folder that holds sys/ and maybe proc/)
    tools/topology_text.py --unpack machine.txt FOLDER

The form is described in src/core/topology/memory_tree.hpp. Only what Vigil reads is kept: the capture's list of
files, less the first-level caches and the lists that say the same a second time.
"""
import collections
import importlib.machinery
import importlib.util
import os
import re
import sys
import tarfile
import tempfile

DROP = re.compile(r"/topology/(thread_siblings|die_cpus|cluster_|package_cpus|core_siblings)|/ways_of_associativity$"
                  r"|cpu/(kernel_max|isolated|nohz_full)$|/acpi_cppc/nominal_perf$")
NUMBERED = re.compile(r"\b(cpu|policy|node)(\d+)(?=/)")


def capture_module():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "capture_topology")
    loader = importlib.machinery.SourceFileLoader("capture_topology", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("capture_topology", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def cpulist(numbers):
    out, numbers = [], sorted(numbers)
    while numbers:
        first = last = numbers.pop(0)
        while numbers and numbers[0] == last + 1:
            last = numbers.pop(0)
        out.append(str(first) if first == last else f"{first}-{last}")
    return ",".join(out)


def parse_cpulist(text):
    out = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def escape(data):
    text = data.decode("latin-1")
    text = text[:-1] if text.endswith("\n") else text
    text = text.replace("\\", "\\\\").replace("{", "\\{").replace("\n", "\\n").replace("\t", "\\t")
    return "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in text)


def to_text(folder):
    capture = capture_module().Capture(os.path.join(folder, "sys"), os.path.join(folder, "proc"))
    capture.host = None
    capture.run()
    files = capture.files
    for name in [n for n in files if n.endswith("/level") and files[n].strip() == b"1"]:
        for other in [n for n in files if n.startswith(os.path.dirname(name) + "/")]:
            del files[other]
    has_core_cpus = any(n.endswith("/core_cpus_list") for n in files)
    if "proc/cpuinfo" in files:  # the first CPU says it all
        files["proc/cpuinfo"] = files["proc/cpuinfo"].split(b"\n\n")[0] + b"\n"
    lines, numbered = [], collections.defaultdict(dict)  # template: {number: right side}
    for name, right in [*((n, "= " + escape(d)) for n, d in files.items()),
                        *((n, "-> " + escape(t.encode())) for n, t in capture.links.items())]:
        if DROP.search(name) and (has_core_cpus or "thread_siblings" not in name):
            continue
        match = NUMBERED.search(name)
        if match:
            numbered[name[: match.start(2)] + "{}" + name[match.end(2):]][int(match.group(2))] = right.rstrip()
        else:
            lines.append((name, 0, f"{name} {right.rstrip()}"))
    for template, by_number in numbered.items():
        own = [n for n, right in by_number.items() if right == f"= {n}"]
        if len(own) * 2 > len(by_number) and len(own) > 1:
            by_number.update((n, "= {}") for n in own)
        groups = collections.defaultdict(list)
        for number, right in by_number.items():
            groups[right].append(number)
        for right, group in groups.items():
            left = template.replace("{}", "{" + cpulist(group) + "}" if len(group) > 1 else str(group[0]))
            lines.append((template, min(group), f"{left} {right}"))
    return "".join(line + "\n" for _, _, line in sorted(lines))


def unescape(text, number):
    text = re.sub(r"(?<!\\)\{\}", number, text)
    return re.sub(r"\\(x[0-9a-f]{2}|.)", lambda m: {"n": "\n", "t": "\t"}.get(m.group(1)) or
                  (chr(int(m.group(1)[1:], 16)) if len(m.group(1)) > 1 else m.group(1)), text)


def unpack(text, folder):
    for line in text.split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        left, _, right = line.partition(" ")
        match = re.search(r"\{([^}]*)\}", left)
        for number in [str(n) for n in parse_cpulist(match.group(1))] if match else [""]:
            path = os.path.join(folder, left.replace(match.group(0), number) if match else left)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if right.startswith("-> "):
                os.symlink(unescape(right[3:], number), path)
            elif right.startswith("="):
                with open(path, "wb") as f:
                    f.write((unescape(right[2:], number) + "\n").encode("latin-1"))
            elif right == "!":
                open(path, "wb").close()
                os.chmod(path, 0)


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--unpack":
        with open(sys.argv[2]) as f:
            unpack(f.read(), sys.argv[3])
    elif len(sys.argv) == 2 and os.path.isdir(sys.argv[1]):
        sys.stdout.write(to_text(sys.argv[1]))
    elif len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        with tempfile.TemporaryDirectory() as folder, tarfile.open(sys.argv[1]) as tar:
            # Nothing but folders, files and links that stay inside.
            tar.extractall(folder, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(folder)
            to = folder if os.path.isdir(os.path.join(folder, "sys")) else next(
                (e.path for e in os.scandir(folder) if e.is_dir() and os.path.isdir(os.path.join(e.path, "sys"))), folder)
            sys.stdout.write(to_text(to))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
