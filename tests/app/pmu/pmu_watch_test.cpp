// SPDX-License-Identifier: GPL-2.0-only
//
// The counters' life on a machine on disk whose event sources come, refuse, vanish and change.
#include "app/pmu/pmu_watch.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "edge/sysfs/sys_tree.hpp"
#include "support/fake_perf.hpp"
#include "support/machine.hpp"
#include "support/pmu_tree.hpp"

using namespace vigil;
using namespace vigil::app;
namespace fs = std::filesystem;
using doctest::Approx;

namespace {

constexpr std::uint64_t kReads = 0x1e98002500000001, kWrites = 0x1e98002100000006;
constexpr std::uint64_t kMs = 1'000'000;

// What is in memory, and its event sources on a disk; written again when they have changed.
class Disk {
 public:
  Disk() {
    char path[] = "/tmp/vigil-pmu-XXXXXX";
    REQUIRE(::mkdtemp(path));
    path_ = path;
    tree = test::load_machine("qemu-cxl-1node");
    test::add_cxl_pmu(tree, "cxl_pmu_mem0.0");
    for (const char* direction : {"read", "write"})
      tree.add_file(std::string("sys/devices/system/node/node1/access1/initiators/") + direction + "_bandwidth", "8000\n");
    tree.add_link("sys/devices/system/node/node1/access1/initiators/node0", "../../../node0");
    save();
  }
  ~Disk() { fs::remove_all(path_); }
  void save() {
    fs::remove_all(path_ / "sys");
    fs::create_directory(path_ / "sys");
    for (const auto& file : tree.paths()) {
      if (!file.starts_with("sys/bus/event_source")) continue;
      fs::create_directories(fs::path(path_ / file).parent_path());
      if (const auto target = tree.link(file))
        fs::create_symlink(*target, path_ / file);
      else
        std::ofstream(path_ / file, std::ios::binary) << *tree.read(file);
    }
  }
  PmuWatchOptions options(test::FakePerf& perf, bool simulate = false) {
    return {.sysfs_root = path_ / "sys", .proc_root = path_ / "proc", .simulate = simulate, .calls = perf.calls()};
  }
  void show(PmuWatch& watch, std::uint64_t now) const {
    const auto topology = topology::read_topology(tree);
    watch.set_machine(topology, topology::read_devices(tree, topology), now);
  }
  topology::MemoryTree tree;

 private:
  fs::path path_;
};

void run(test::FakePerf& perf, std::uint64_t ns, std::uint64_t reads, std::uint64_t writes) {
  perf.enabled += ns;
  perf.running += ns;
  perf.counts[kReads] += reads;
  perf.counts[kWrites] += writes;
}

}  // namespace

TEST_CASE("pmu watch: nothing is opened or read before somebody needs it, nor after") {
  Disk disk;
  test::FakePerf perf;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  CHECK(perf.opened.empty());
  CHECK_FALSE(watch.counting());
  watch.start(1000 * kMs);
  CHECK(perf.opened.size() >= 2);
  CHECK(perf.reads == 0);
  run(perf, 100 * kMs, 1'000'000, 500'000);
  CHECK(watch.sample(1100 * kMs, 0) == std::chrono::milliseconds(100));
  const auto reads = perf.reads;
  CHECK(reads == 5);  // traffic, device cache, snoops and both latencies
  watch.stop();
  watch.sample(1200 * kMs, 0);
  CHECK(perf.reads == reads);
  CHECK(watch.node_metrics().empty());
  CHECK(watch.report(1200 * kMs).nodes[0].metrics == memory::PmuMetrics{});
}

TEST_CASE("pmu watch: what the counters said of the node, for as long as it is fresh") {
  Disk disk;
  test::FakePerf perf;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  watch.start(1000 * kMs);
  run(perf, 100 * kMs, 1'000'000, 500'000);
  watch.sample(1100 * kMs, 0);
  auto nodes = watch.node_metrics();
  REQUIRE(nodes.size() == 1);
  CHECK(nodes[0].node == 1);
  CHECK(nodes[0].read_mib_s == Approx(640e6 / 1048576));
  CHECK(nodes[0].write_mib_s == Approx(320e6 / 1048576));
  CHECK(nodes[0].utilisation == Approx(640e6 / 1048576 / 8000));
  CHECK(nodes[0].at_ns == 1100 * kMs);
  CHECK_FALSE(nodes[0].simulated);
  const auto report = watch.report(1200 * kMs);
  CHECK(report.sources[0].metrics.read_bytes_per_s == Approx(640e6));
  CHECK(report.samples == 1);
  CHECK(watch.report(7000 * kMs).sources[0].metrics == memory::PmuMetrics{});
  // After a long silence there is nothing to compare with.
  run(perf, 60'000 * kMs, 6'000'000, 0);
  watch.sample(61'100 * kMs, 0);
  CHECK(watch.node_metrics().empty());
  run(perf, 100 * kMs, 2'000'000, 0);
  watch.sample(61'200 * kMs, 0);
  REQUIRE(watch.node_metrics().size() == 1);
  CHECK(watch.node_metrics()[0].read_mib_s == Approx(1280e6 / 1048576));
}

TEST_CASE("pmu watch: refused counters are one sentence, and tried again for the next process") {
  Disk disk;
  test::FakePerf perf;
  perf.refuse = EBUSY;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  watch.start(1000 * kMs);
  REQUIRE(watch.degraded().size() == 1);
  CHECK(watch.degraded()[0].find("another program") != std::string::npos);
  watch.sample(1100 * kMs, 0);
  CHECK(watch.node_metrics().empty());
  CHECK_FALSE(watch.report(1100 * kMs).sources[0].problem.empty());
  watch.stop();
  perf.refuse = 0;
  watch.start(2000 * kMs);
  CHECK(watch.degraded().empty());
  run(perf, 100 * kMs, 1, 1);
  watch.sample(2100 * kMs, 0);
  CHECK(watch.node_metrics().size() == 1);
}

TEST_CASE("pmu watch: no permission is one sentence, and no figure") {
  Disk disk;
  test::FakePerf perf;
  perf.refuse = EACCES;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  watch.start(1000 * kMs);
  watch.sample(1100 * kMs, 0);
  REQUIRE(watch.degraded().size() == 1);
  CHECK(watch.degraded()[0].find("CAP_PERFMON") != std::string::npos);
  CHECK(watch.node_metrics().empty());
}

TEST_CASE("pmu watch: a source that vanishes takes its figures along and is found again") {
  Disk disk;
  test::FakePerf perf;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  watch.start(1000 * kMs);
  run(perf, 100 * kMs, 1'000'000, 1);
  watch.sample(1100 * kMs, 0);
  REQUIRE(watch.node_metrics().size() == 1);
  perf.read_error = ENODEV;
  watch.sample(1200 * kMs, 0);
  CHECK(watch.node_metrics().empty());
  REQUIRE(watch.degraded().size() == 1);
  CHECK(watch.degraded()[0].find("vanished") != std::string::npos);
  const auto reads = perf.reads;
  watch.sample(1300 * kMs, 0);
  CHECK(perf.reads == reads);  // what is gone is not asked again
  // The device event: it is gone from sysfs …
  disk.tree.remove("sys/bus/event_source/devices/cxl_pmu_mem0.0");
  disk.save();
  disk.show(watch, 1400 * kMs);
  CHECK(watch.degraded().empty());
  CHECK(watch.report(1400 * kMs).sources.empty());
  // … and comes back, with another type.
  test::add_cxl_pmu(disk.tree, "cxl_pmu_mem0.0", "31");
  disk.save();
  perf.read_error = 0;
  perf.enabled = perf.running = 0;
  perf.counts.clear();
  disk.show(watch, 2000 * kMs);
  run(perf, 100 * kMs, 1'000'000, 1);
  watch.sample(2100 * kMs, 0);
  REQUIRE(watch.node_metrics().size() == 1);
  CHECK(watch.node_metrics()[0].read_mib_s == Approx(640e6 / 1048576));
  CHECK(perf.opened.back().attr.type == 31);
}

TEST_CASE("pmu watch: a source that moves to another CPU is counted there, the others go on") {
  Disk disk;
  test::add_cxl_pmu(disk.tree, "cxl_pmu_mem1.0", "25");
  disk.save();
  test::FakePerf perf;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  watch.start(1000 * kMs);
  const auto opened = perf.opened.size();
  disk.tree.add_file("sys/bus/event_source/devices/cxl_pmu_mem0.0/cpumask", "2\n");
  disk.save();
  disk.show(watch, 1100 * kMs);
  CHECK(perf.opened.size() == opened + opened / 2);
  CHECK(perf.opened.back().cpu == 2);
  disk.show(watch, 1200 * kMs);
  CHECK(perf.opened.size() == opened + opened / 2);
}

TEST_CASE("pmu watch: a group that never gets counters says so, and gives no figure") {
  Disk disk;
  test::FakePerf perf;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  watch.start(1000 * kMs);
  perf.enabled += 100 * kMs;
  watch.sample(1100 * kMs, 0);
  CHECK(watch.node_metrics().empty());
  REQUIRE(watch.degraded().size() == 1);
  CHECK(watch.degraded()[0].find("never free") != std::string::npos);
}

TEST_CASE("pmu watch: descriptors are bounded") {
  Disk disk;
  for (int i = 1; i < 50; ++i) test::add_cxl_pmu(disk.tree, "cxl_pmu_mem" + std::to_string(i) + ".0", std::to_string(24 + i));
  disk.save();
  test::FakePerf perf;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  watch.start(1000 * kMs);
  CHECK(perf.opened.size() <= PmuWatch::kMaxDescriptors);
  CHECK(perf.opened.size() > PmuWatch::kMaxDescriptors / 2);
  CHECK_FALSE(watch.degraded().empty());
}

TEST_CASE("pmu watch: a simulation is labelled, opens nothing real and says so") {
  Disk disk;
  test::FakePerf perf;
  PmuWatch watch(disk.options(perf, true));
  disk.show(watch, 0);
  REQUIRE(watch.degraded().size() == 1);
  CHECK(watch.degraded()[0].find("simulated") != std::string::npos);
  CHECK(watch.degraded()[0].find("cxl_pmu_mem0.0") != std::string::npos);
  watch.start(1000 * kMs);
  watch.sample(1100 * kMs, 100 * kMs);
  watch.sample(1200 * kMs, 300 * kMs);
  CHECK(perf.opened.empty());
  CHECK(perf.reads == 0);
  const auto nodes = watch.node_metrics();
  REQUIRE(nodes.size() == 1);
  CHECK(nodes[0].simulated);
  CHECK(nodes[0].node == 1);
  CHECK(*nodes[0].read_mib_s > 0);
  const auto report = watch.report(1200 * kMs);
  CHECK(report.simulated);
  REQUIRE(report.sources.size() == 1);
  CHECK(report.sources[0].name == "simulated_cxl");
}

TEST_CASE("pmu watch: a machine without event sources has no figure anywhere") {
  Disk disk;
  disk.tree.remove("sys/bus/event_source");
  disk.save();
  test::FakePerf perf;
  PmuWatch watch(disk.options(perf));
  disk.show(watch, 0);
  watch.start(1000 * kMs);
  watch.sample(1100 * kMs, 0);
  watch.sample(1200 * kMs, 0);
  CHECK(perf.reads == 0);
  CHECK(watch.node_metrics().empty());
  const auto report = watch.report(1200 * kMs);
  CHECK(report.sources.empty());
  CHECK(report.nodes.empty());
}
