# SPDX-License-Identifier: GPL-2.0-only
"""Memory counters from end to end: a machine with CXL memory is made of files, and its event source has type 1, which is the
kernel's software counters. So what is opened, grouped, scheduled and read is real, and what it must come to is known:

  reads      page faults of CPU 0, taken for 64 bytes each
  writes     the CPU's clock, a billion a second: 64 GB/s
  latency    as many clocks waited as passed: one clock, that is one nanosecond
  snoops     the clock; hits: never

A second witness counts the same page faults beside the daemon."""

import ctypes
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time

from harness import Suite, check, equal, eventually, switches

suite = Suite()
SECONDS = 60 if os.environ.get("VIGIL_LONG") == "1" else 5
ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = "cxl_pmu_mem0.0"
CXL_EVENTS = {
    "s2m_drs_memdata": "config=0x2", "m2s_rwd_memwr": "config=0x0",
    "clock_ticks": "config=0x0", "ddr_casrd": "config=0x0", "rd_queue_occ": "config=0x0",
    "h2d_req_snpdata": "config=0x0", "d2h_rsp_rspihitse": "config=0x9",
}
FIGURE = re.compile(r"vigil_memory_(source|node)_(read|write|device_cache|snoop|utilisation|counted)_")
NOTHING = """
[[rule]]
name = "nobody"
class = "gaming"
program = "no-program-of-this-name"
"""


def machine(world, name, pmu_type=1, events=None):
    """A machine on disk: node 1 is CXL memory behind mem0, 100,000 MiB/s of reads by the firmware's table."""
    folder = world.folder / name
    if folder.exists():
        shutil.rmtree(folder)
    subprocess.run([sys.executable, ROOT / "tools/topology_text.py", "--unpack", ROOT / "tests/fixtures/topology/qemu-cxl-1node.txt", folder],
                   check=True, stdout=subprocess.DEVNULL)
    initiators = folder / "sys/devices/system/node/node1/access1/initiators"
    (initiators / "node0").mkdir(parents=True)
    for direction in ("read", "write"):
        (initiators / f"{direction}_bandwidth").write_text("100000\n")
    if pmu_type is not None:
        source = folder / "sys/bus/event_source/devices" / SOURCE
        for part in ("format", "events"):
            (source / part).mkdir(parents=True)
        (source / "type").write_text(f"{pmu_type}\n")
        (source / "cpumask").write_text("0\n")
        for field, bits in {"mask": "config:0-31", "gid": "config:32-47", "vid": "config:48-63"}.items():
            (source / "format" / field).write_text(bits + "\n")
        for event, code in (CXL_EVENTS if events is None else events).items():
            (source / "events" / event).write_text(code + "\n")
    return ["--sysfs-root", folder / "sys", "--proc-root", "/proc"]


def pager(world, name="milvus"):
    """A memory-bound process on CPU 0."""
    return world.start(world.program(name, of="pager"), before=lambda: os.sched_setaffinity(0, {0}))


def counters(daemon):
    return daemon.status()["memory_counters"]


def perf_descriptors(daemon):
    links = []
    for fd in pathlib.Path(f"/proc/{daemon.pid}/fd").iterdir():
        try:
            links.append(os.readlink(fd))
        except FileNotFoundError:
            pass
    return sum("[perf_event]" in link for link in links)


class Witness:
    """Page faults of a CPU, by a counter of the test's own."""

    def __init__(self, cpu):
        attr = bytearray(128)
        struct.pack_into("IIQ", attr, 0, 1, 128, 2)
        buffer = (ctypes.c_char * 128).from_buffer(attr)
        self.fd = ctypes.CDLL(None, use_errno=True).syscall(298, buffer, -1, cpu, -1, 8)
        check(self.fd >= 0, "the test's own counter could not be opened")

    def read(self):
        return struct.unpack("Q", os.read(self.fd, 8))[0]

    def __del__(self):
        if self.fd >= 0:
            os.close(self.fd)


def metrics_text(daemon):
    """What `vigilctl stats --openmetrics` shows."""
    vigilctl = pathlib.Path(daemon.process.args[0]).parent / "vigilctl"
    return subprocess.run([vigilctl, "--socket", daemon.socket, "stats", "--openmetrics"], check=True, capture_output=True, text=True).stdout


@suite.case("a memory-bound process that runs is measured: known rates come out")
def known_rates(world):
    daemon = world.start_daemon(*machine(world, "measured"))
    equal(perf_descriptors(daemon), 0, "counters that are open before anybody is memory-bound")
    process = pager(world)
    matches_class = daemon.explain(process.pid)["class"]
    equal(matches_class, "vectordb", "class of the process")
    eventually("the counters are open", lambda: perf_descriptors(daemon) >= 8)
    equal(counters(daemon)["reads"], 0, "reads before the process has run")
    process.tell("spin", 300)
    witness, began, rates, own = Witness(0), time.monotonic(), [], 0
    before = witness.read()
    while time.monotonic() - began < 3:
        own += process.tell("fault", 250)
        node = counters(daemon)["nodes"][0]
        if node["read_bytes_per_s"] is not None:
            rates.append(node["read_bytes_per_s"] / 64)
    took, seen = time.monotonic() - began, witness.read() - before
    check(len(rates) >= 6, f"only {len(rates)} samples in 3 seconds")
    mean = sum(rates) / len(rates)
    # The samples are of parts of the time; the CPU may do other things in the rest.
    check(0.6 * own / took <= mean <= 1.5 * seen / took, f"measured {mean:.0f} faults/s, the process made {own / took:.0f}, the CPU {seen / took:.0f}")
    process.tell("spin", 400)
    status = counters(daemon)
    source, node = status["sources"][0], status["nodes"][0]
    check(source["write_bytes_per_s"] is not None, f"no figure: {json.dumps(status)}")
    check(abs(source["write_bytes_per_s"] / 64e9 - 1) < 0.05, f"the clock counts {source['write_bytes_per_s'] / 64:.0f} a second")
    check(abs(source["read_latency_ns"] - 1) < 0.05, f"latency {source['read_latency_ns']}")
    equal(source["snoop_hit_rate"], 0, "snoop hits")
    equal(source["write_latency_ns"], None, "write latency, for which there is no event")
    equal(source["counted_share"], 1, "share of the time")
    check(abs(node["utilisation"] / (64e9 / (100000 * 2**20)) - 1) < 0.05, f"utilisation {node['utilisation']}")
    equal((status["simulated"], source["problem"], source["node"], source["device"]), (False, None, 1, "mem0"), "the source")
    text = metrics_text(daemon)
    shown = [line for line in text.splitlines() if FIGURE.match(line)]
    check(any(re.fullmatch(r'vigil_memory_source_write_bytes_per_second\{.*\} [0-9.e+]+', line) and SOURCE in line for line in shown), f"not in stats: {shown}")
    check("vigil_memory_source_write_latency_seconds{" not in text, "an unknown value is in OpenMetrics")


@suite.case("it is asked for by run time: at most ten times a second, not at all while the process sleeps, and never after it has gone")
def asked_for(world):
    daemon = world.start_daemon(*machine(world, "asked"))
    process = pager(world)
    eventually("the counters are open", lambda: perf_descriptors(daemon) > 0)
    process.tell("fault", 2000)
    samples = counters(daemon)["samples"]
    # Fewer where the figures are steady, and where the process waits for its CPU.
    check(1 <= samples <= 21, f"{samples} samples in 2 seconds")
    eventually("the last request is answered", lambda: counters(daemon)["samples"] == (time.sleep(0.3), counters(daemon)["samples"])[1])
    asleep = counters(daemon)
    time.sleep(3)
    equal(counters(daemon)["reads"], asleep["reads"], "reads while nobody memory-bound runs")
    process.end()
    world.actors.remove(process)
    eventually("the counters are closed", lambda: perf_descriptors(daemon) == 0)
    check(not counters(daemon)["counting"], "it still counts")
    equal(counters(daemon)["nodes"][0]["read_bytes_per_s"], None, "bandwidth when nobody runs")


@suite.case(f"{SECONDS} s without a memory-bound process: no counter is open, none is read, and nobody wakes")
def nobody(world):
    daemon = world.start_daemon(*machine(world, "nobody"), "--rules", world.rules(NOTHING))
    busy = pager(world, "harmless")
    busy.tell("fault", 200)
    reported = lambda: sum(kind["reported"] for kind in daemon.status()["events"].values())
    records, before = reported(), None
    while before != (before := switches(daemon.pid)):
        time.sleep(0.2)
    trace = world.folder / "trace"
    strace = subprocess.Popen(["strace", "-f", "-p", str(daemon.pid), "-o", trace, "-e", "trace=perf_event_open,read,pread64"],
                              stderr=subprocess.DEVNULL) if shutil.which("strace") else None
    time.sleep(0.5)
    before = switches(daemon.pid)
    busy.tell("fault", SECONDS * 1000)
    after = switches(daemon.pid)
    if strace:
        strace.terminate()
        strace.wait()
    equal(perf_descriptors(daemon), 0, "open counters")
    status = counters(daemon)
    equal((status["reads"], status["samples"], status["counting"]), (0, 0, False), "reads, samples, counting")
    check(after[0] - before[0] <= reported() - records, f"{after[0] - before[0]} voluntary context switches")
    if strace:
        calls = [line for line in trace.read_text().splitlines() if "perf_event_open" in line]
        equal(calls, [], "perf_event_open calls")


@suite.case("without an event source every figure is unknown, everywhere")
def absent(world):
    daemon = world.start_daemon(*machine(world, "absent", pmu_type=None))
    process = pager(world)
    process.tell("fault", 1000)
    status = daemon.status()
    equal((status["memory_counters"]["sources"], status["memory_counters"]["nodes"], status["memory_counters"]["samples"]), ([], [], 0), "what is measured")
    equal(status["simulated"], False, "simulated")
    text = metrics_text(daemon)
    check(not FIGURE.search(text), "a figure in OpenMetrics")
    for figure in ("utilisation", "hit_rate", "bytes_per_s", "latency_ns"):
        for line in json.dumps(status["memory_counters"]).split(","):
            check(figure not in line or "null" in line, f"a figure: {line}")
    explained = daemon.explain(process.pid)
    check(not explained.get("simulated"), "explain says simulated")


@suite.case("a source that cannot be opened is one sentence, and no figure")
def refused(world):
    daemon = world.start_daemon(*machine(world, "refused", pmu_type=2147483600))
    process = pager(world)
    process.tell("fault", 600)
    degraded = [line for line in daemon.status()["degraded"] if SOURCE in line]
    equal(len(degraded), 1, f"sentences in {daemon.status()['degraded']}")
    check("not there" in degraded[0], degraded[0])
    status = counters(daemon)
    equal((status["samples"], status["sources"][0]["read_bytes_per_s"]), (0, None), "samples, bandwidth")
    check(status["sources"][0]["problem"], "no problem is told")


@suite.case("--simulate cxl: the label is on everything it feeds, and nothing real is opened")
def simulated(world):
    daemon = world.start_daemon(*machine(world, "simulated"), "--simulate", "cxl", "--log-level", "debug")
    process, other = pager(world), pager(world, "harmless")
    process.tell("fault", 1000)
    equal(perf_descriptors(daemon), 0, "real counters that are open")
    status = daemon.status()
    found = status["memory_counters"]
    equal(status["simulated"], True, "simulated in status")
    check(any("simulated" in line and SOURCE in line for line in status["degraded"]), f"degraded says {status['degraded']}")
    equal([source["name"] for source in found["sources"]], ["simulated_cxl"], "sources")
    check(found["simulated"] and all(each["simulated"] for each in found["sources"] + found["nodes"]), "an unlabelled object")
    check(found["nodes"][0]["read_bytes_per_s"] > 0, "it gave no figure")
    figures = [line for line in metrics_text(daemon).splitlines() if FIGURE.match(line)]
    check(len(figures) > 5, f"only {figures}")
    for line in figures:
        check('simulated="true"' in line, f"an unlabelled figure: {line}")
    equal(daemon.explain(process.pid)["simulated"], True, "explain of a process that it concerns")
    equal(daemon.explain(other.pid)["simulated"], False, "explain of one that it does not")
    told = [line for line in daemon.log if line and " pmu: " in line]
    check(len(told) >= 3, f"the log says only {told}")
    for line in told:
        check("[simulated]" in line, f"an unlabelled line: {line}")
    vigilctl = pathlib.Path(daemon.process.args[0]).parent / "vigilctl"
    for words in (["status"], ["explain", str(process.pid)]):
        text = subprocess.run([vigilctl, "--socket", daemon.socket, *words], check=True, capture_output=True, text=True).stdout
        check("[simulated" in text, f"vigilctl {words[0]} does not say so: {text}")


@suite.case("vigilctl devices names the event source of each CXL memory; doctor says what is missing")
def devices(world):
    options = machine(world, "devices")
    root = options[1]
    vigilctl = world.program_path.parent / "vigilctl"
    shown = json.loads(subprocess.run([vigilctl, "devices", "--json", "--sysfs-root", root], check=True, capture_output=True, text=True).stdout)
    equal({each["name"]: each["pmu"] for each in shown["cxl"]}, {"mem0": SOURCE, "mem1": None}, "PMUs")
    answer = subprocess.run([vigilctl, "doctor", "--json", "--socket", world.folder / "none.sock"], capture_output=True, text=True, check=False)
    finding = [each for each in json.loads(answer.stdout)["findings"] if each["id"] == "no-memory-counters"]
    real = [name for name in os.listdir("/sys/bus/event_source/devices") if re.match("cxl_pmu_|uncore_imc|amd_umc|amd_df", name)]
    check(bool(finding) or real, "doctor says nothing though there is no event source")
    if finding:
        check(finding[0]["do"], "nothing to do is said")


raise SystemExit(suite.main())
