#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What `vigilctl topology --json` and `devices --json` say of recorded machines, against answers from elsewhere.

usage: examples.py VIGILCTL

Every field of every *.expected.json is compared, or named in NOT_OURS below with the reason; a field that neither is
fails. Two kinds of numbers are not comparable one by one: Vigil's own dense indices (groups are compared by their CPUs), and
the kernel's memory tiers (by the nodes in them).
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures/topology"
UNPACK = HERE.parent.parent / "tools/topology_text.py"

NOT_OURS = {
    "name": "of the example", "class": "of the example", "kind": "of the example",
    "clusters_kernel": "on x86 the kernel's clusters are shared L2s, which no decision rests on",
    "l2": "not shown", }


def cpus(text):
    out = set()
    for part in filter(None, (text or "").split(",")):
        first, _, last = part.partition("-")
        out |= set(range(int(first), int(last or first) + 1))
    return out


def same(text):
    """A list of CPUs in one notation."""
    return tuple(sorted(cpus(text)))


class Machine:
    def __init__(self, topology, devices):
        self.topology, self.devices = topology, devices
        self.cpu = {cpu["id"]: cpu for cpu in topology["cpus"]}
        self.online = {n for n, cpu in self.cpu.items() if cpu["online"]}

    def groups(self, key):
        """CPUs by what they say of themselves."""
        out = {}
        for n in sorted(self.online):
            out.setdefault(self.cpu[n][key], set()).add(n)
        return out

    def of_kind(self, kind):
        return {n for n in self.online if self.cpu[n]["kind"] == kind}


# A function for each field of an answer: yields (what, expected, found).

def cpus_field(m, want, whole):
    yield "online", same(want["online"]), tuple(sorted(m.online))
    yield "n_online", want["n_online"], len(m.online)
    yield "offline", same(want["dirs_not_online"]), tuple(sorted(set(m.cpu) - m.online))
    yield "present", same(want["present"]), tuple(sorted(m.cpu))


def smt_field(m, want, whole):
    yield "threads per core", want["max_threads_per_core"], m.topology["threads_per_core"]
    threads = {}
    for core in m.groups("core").values():
        threads[str(len(core))] = threads.get(str(len(core)), 0) + 1
    yield "cores by threads", want["cores_by_threads"], threads


def cores_field(m, want, whole):
    yield "cores", {same(c) for c in want}, {tuple(sorted(c)) for c in m.groups("core").values()}
    yield "siblings", {same(c) for c in want}, {same(m.cpu[n]["smt_siblings"]) for n in m.online}


def packages_field(m, want, whole):
    yield "packages", {(p["id"], same(p["cpus"])) for p in want}, {(p["id"], same(p["cpus"])) for p in m.topology["packages"]}
    yield "each CPU's", {(p["id"], same(p["cpus"])) for p in want}, {(k, tuple(sorted(v))) for k, v in m.groups("package").items()}


def dies_field(m, want, whole):
    # The kernel puts a package into one die where it knows no better; where it tells several, they are the CCDs.
    if len(want) > len(whole["packages"]):
        yield "dies", {same(d["cpus"]) for d in want}, {tuple(sorted(c)) for c in m.groups("ccd").values()}


def l3_field(m, want, whole):
    wanted = {(same(c["cpus"]), c["size_kb"]) for c in want}
    yield "L3s", wanted, {(same(c["cpus"]), c["size_kib"]) for c in m.topology["llcs"] if c["level"] == 3}
    yield "each CPU's", {c for c, _ in wanted}, {tuple(sorted(v)) for v in m.groups("llc").values()}


def vcache_field(m, want, whole):
    larger = set().union(*(cpus(c["cpus"]) for c in m.topology["llcs"] if c["larger"]))
    yield "larger L3", same(want["large_l3_cpus"]), tuple(sorted(larger))
    yield "asymmetric", want["asymmetric_l3"], bool(larger)


def numa_field(m, want, whole):
    nodes = {n["id"]: n for n in m.topology["nodes"]}
    yield "nodes", same(want["online"]), tuple(sorted(nodes))
    yield "with CPUs", same(want["has_cpu"]), tuple(sorted(n for n in nodes if nodes[n]["cpus"]))
    yield "with memory", same(want["has_memory"]), tuple(sorted(n for n in nodes if nodes[n]["mem_total_kib"]))
    for node in want["nodes"]:
        found = nodes.get(node["id"], {})
        yield f"node {node['id']}'s CPUs", same(node["cpus"]), same(found.get("cpus"))
        yield f"node {node['id']}'s CPUs by CPU", same(node["cpus"]), tuple(n for n in sorted(m.online) if m.cpu[n]["node"] == node["id"])
        yield f"node {node['id']}'s memory", node["mem_total_kb"], found.get("mem_total_kib")
        yield f"node {node['id']}'s distances", node["distance"], found.get("distances")
        if node["access0_initiators"] is None:
            yield f"node {node['id']}'s speed", None, found.get("read_latency_ns")


def memory_tiers_field(m, want, whole):
    tiers = {}
    for node in m.topology["nodes"]:
        if node["tier"] is not None:
            tiers.setdefault(str(node["tier"]), set()).add(node["id"])
    yield "tiers", {tier: cpus(nodes) for tier, nodes in (want or {}).items()}, tiers


def core_kinds_field(m, want, whole):
    for key, ours in (("cpu_capacity", "capacity"), ("max_freq_khz", "max_khz")):
        found = {}
        for n in m.online:
            if m.cpu[n][ours] is not None:
                found.setdefault(str(m.cpu[n][ours]), set()).add(n)
        yield ours, {value: cpus(list_) for value, list_ in (want[key] or {}).items()}, found
    if want["pmu"]:
        yield "cpu_core", same(want["pmu"]["cpu_core"]), tuple(sorted(m.of_kind("performance")))
        yield "cpu_atom", same(want["pmu"]["cpu_atom"]), tuple(sorted(m.of_kind("efficiency") | m.of_kind("low_power")))


def p_e_field(m, want, whole):
    if want is None:
        yield "one kind", m.online, m.of_kind("uniform")
    else:
        yield "P", same(want["P"]), tuple(sorted(m.of_kind("performance")))
        yield "E", same(want["E"]), tuple(sorted(m.of_kind("efficiency")))


def prefcore_field(m, want, whole):
    usable = want is not None and want["usable"]
    yield "ranks", want["rank"] if usable else {}, {str(n): m.cpu[n]["rank"] for n in m.online if m.cpu[n]["rank"] is not None}


def gpus_field(m, want, whole):
    yield "addresses", [g["bdf"] for g in want], [g["address"] for g in m.devices["gpus"]]
    yield "nodes", [None if g["numa_node"] < 0 else g["numa_node"] for g in want], [g["node"] for g in m.devices["gpus"]]


def cxl_field(m, want, whole):
    yield "devices", [(c["name"], c["ram_bytes"], c["pmem_bytes"], c["ram_bytes"] + c["pmem_bytes"]) for c in want], \
        [(c["name"], c["ram_bytes"], c["pmem_bytes"], c["size_bytes"]) for c in m.devices["cxl"]]
    nodes = {n["id"]: n for n in m.topology["nodes"]}
    for wanted, found in zip(want, m.devices["cxl"]):
        if found["node"] is None:
            yield f"CPUs near {found['name']}", same(nodes[wanted["numa_node"]]["cpus"]), same(found["near_cpus"])


def dax_field(m, want, whole):
    yield "regions' dax devices", {(d["name"], d["target_node"], d["size"]) for d in want}, \
        {(name, r["node"], r["size_bytes"]) for r in m.devices["cxl_regions"] for name in r["dax"]}
    kinds = {n["id"]: n["kind"] for n in m.topology["nodes"]}
    for dax in want:
        yield f"{dax['name']}'s node", "cxl", kinds.get(dax["target_node"])
        yield f"{dax['name']}'s devices", 1, sum(c["node"] == dax["target_node"] and dax["name"] in c["dax"] for c in m.devices["cxl"])


def truth_field(m, want, whole):
    stacked = set().union(*(cpus(c["cpus"]) for c in m.topology["llcs"] if c["vcache"]))
    yield "stacked L3", same(want["stacked_l3_cpus"]), tuple(sorted(stacked))
    yield "GPUs that compute", want["compute_gpus"], sum(not g["display_only"] for g in m.devices["gpus"])


def one(value):
    """A field that is one value: how to compute it."""
    return lambda m, want, whole: [("", want, value(m))]


FIELDS = {
    "cpus": cpus_field, "smt": smt_field, "cores": cores_field, "packages": packages_field, "dies_kernel": dies_field, "l3": l3_field,
    "vcache": vcache_field, "numa": numa_field, "memory_tiers": memory_tiers_field, "core_kinds": core_kinds_field, "p_e": p_e_field,
    "prefcore": prefcore_field, "gpus": gpus_field, "cxl_mem": cxl_field, "dax": dax_field, "truth_not_in_tree": truth_field,
    "n_cores": one(lambda m: m.topology["cores"]),
    "n_l3": one(lambda m: sum(c["level"] == 3 for c in m.topology["llcs"])),
    "cpus_without_l3": lambda m, want, whole: [("", same(want), tuple(sorted(
        set().union(*(cpus(c["cpus"]) for c in m.topology["llcs"] if c["level"] != 3)))))],
    "cpuless_nodes": one(lambda m: [n["id"] for n in m.topology["nodes"] if not n["cpus"]]),
    "memoryless_nodes": one(lambda m: [n["id"] for n in m.topology["nodes"] if n["mem_total_kib"] == 0]),
    "amd_x3d_mode": one(lambda m: m.topology["x3d_mode"]),
}


def ask(vigilctl, what, root):
    return json.loads(subprocess.run([vigilctl, what, "--json", "--sysfs-root", f"{root}/sys"], check=True, capture_output=True, text=True).stdout)


def main():
    vigilctl, failed = sys.argv[1], False
    for answer in sorted(FIXTURES.glob("*.expected.json")):
        name, want = answer.name.removesuffix(".expected.json"), json.loads(answer.read_text())
        with tempfile.TemporaryDirectory() as root:
            subprocess.run([sys.executable, UNPACK, "--unpack", FIXTURES / f"{name}.txt", root], check=True)
            machine = Machine(ask(vigilctl, "topology", root), ask(vigilctl, "devices", root))
        wrong = [f"{key}: nothing compares it" for key in want if key not in FIELDS and key not in NOT_OURS]
        for key, field in FIELDS.items():
            for what, expected, found in field(machine, want[key], want):
                if expected != found:
                    wrong.append(f"{key} {what}: expected {str(expected)[:300]}, found {str(found)[:300]}")
        print(f"{'not ok' if wrong else 'ok'} vigilctl gives the expected answer for {name}" + (f" - {'; '.join(wrong)}" if wrong else ""))
        failed |= bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
