// SPDX-License-Identifier: GPL-2.0-only
//
// What the scheduler is told of a machine whose CPUs come and go.
#include "core/topology/sched_topology.hpp"

#include <doctest/doctest.h>

#include "support/machine.hpp"

using namespace vigil;
using namespace vigil::topology;
using test::Machine;

namespace {

// Three L3s with two cores of two threads each; of them only these CPUs are on line.
Topology three_llcs(const std::string& online) {
  Machine m;
  const auto all = *CpuSet::parse(online);
  m.cpus("0-11").add("sys/devices/system/cpu/online", online);
  for (std::uint32_t llc = 0; llc < 3; ++llc) {
    const auto members = CpuSet::range(llc * 4, llc * 4 + 3) & all;
    if (!members.empty()) m.cache(3, members.to_string(), "16384K");
    for (std::uint32_t core = 0; core < 2; ++core) {
      const auto threads = CpuSet::range(llc * 4 + core * 2, llc * 4 + core * 2 + 1) & all;
      if (!threads.empty()) m.each(threads.to_string(), "topology/core_cpus_list", threads.to_string());
    }
  }
  return read_topology(m.tree());
}

std::vector<std::uint32_t> llcs_of(const SchedTopology& topology) {
  std::vector<std::uint32_t> out;
  for (const auto& cpu : topology.cpus) out.push_back(cpu.llc);
  return out;
}

const std::vector<std::uint32_t> kWhole = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};

}  // namespace

TEST_CASE("scheduler's topology: a whole cache that goes off line keeps its number, and so do those behind it") {
  const auto whole = sched_topology(three_llcs("0-11"));
  CHECK(llcs_of(whole) == kWhole);
  const auto without = sched_topology(three_llcs("0-3,8-11"), whole);
  CHECK(without == whole);
  CHECK(sched_topology(three_llcs("0-11"), without) == whole);
  // For one that is loaded now there are two.
  CHECK(llcs_of(sched_topology(three_llcs("0-3,8-11"))) == std::vector<std::uint32_t>{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1});
}

TEST_CASE("scheduler's topology: CPUs that come and go one by one change nothing that was written") {
  const auto whole = sched_topology(three_llcs("0-11"));
  auto now = whole;
  for (const char* online : {"0-10", "0-9", "0,2,4,6,8", "0-4,6-11", "11", "0-11"}) {
    CAPTURE(online);
    now = sched_topology(three_llcs(online), now);
    CHECK(now == whole);
  }
}

TEST_CASE("scheduler's topology: CPUs whose cache was not known when it was loaded are numbered anew when they tell it") {
  const auto first = sched_topology(three_llcs("0-3"));
  CHECK(llcs_of(first) == std::vector<std::uint32_t>(12, 0));
  CHECK(llcs_of(sched_topology(three_llcs("0-4"), first)) == std::vector<std::uint32_t>{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  CHECK(llcs_of(sched_topology(three_llcs("0-11"), first)) == kWhole);
}

TEST_CASE("scheduler's topology: SMT siblings that were off are cores of their own until they say whose") {
  const auto off = sched_topology(three_llcs("0,2,4,6,8,10"));
  for (const auto& a : off.cpus)
    for (const auto& b : off.cpus) CHECK((a.core == b.core) == (a.id == b.id));
  const auto on = sched_topology(three_llcs("0-11"), off);
  CHECK(on.cpus[0].core == on.cpus[1].core);
  CHECK(on.cpus[1].core != on.cpus[2].core);
}

TEST_CASE("scheduler's topology: ranks, capacities and kinds follow the machine") {
  Machine m;
  m.cpus("0-3").cores("0-3").cache(3, "0-3", "8192K").perf("0-1", 60).perf("2-3", 40).max_khz("0-1", 5'000'000).max_khz("2-3", 3'000'000);
  m.each("0-1", "cpu_capacity", "1024").each("2-3", "cpu_capacity", "600");
  const auto before = sched_topology(read_topology(m.tree()));
  CHECK(before.cpus[0].rank == 60);
  CHECK(before.cpus[3].capacity == 600);
  CHECK(before.cpus[3].efficient);
  m.perf("0", 62);
  const auto after = sched_topology(read_topology(m.tree()), before);
  CHECK(after.cpus[0].rank == 62);
  CHECK(after.cpus[1] == before.cpus[1]);
}
