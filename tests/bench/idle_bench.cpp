// SPDX-License-Identifier: GPL-2.0-only
//
// The daemon with nothing to do: wake-ups and CPU time over a minute, and what it keeps in memory.
//
//   idle_bench SCX_VIGIL [SECONDS]
#include <bpf/bpf.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "abi.h"
#include "base/unique_fd.hpp"
#include "figures.hpp"
#include "machine.hpp"

using namespace vigil;
using namespace vigil::bench;

namespace {

struct Counts {
  std::uint64_t seen = 0, reported = 0;
};
Counts read_counts(const UniqueFd& fd) {
  const __u32 zero = 0;
  vigil_counters counters{};
  if (bpf_map_lookup_elem(fd.get(), &zero, &counters) < 0) fatal("cannot read the daemon's counters");
  Counts out;
  for (int kind = 0; kind < VIGIL_EV_COUNT; ++kind) {
    out.seen += counters.seen[kind];
    out.reported += counters.reported[kind];
  }
  return out;
}

void print_memory(const char* when, pid_t pid) {
  const auto kib = [pid](const char* field) {
    return static_cast<double>(kib_of(pid, "status", field)) / 1024;
  };
  const auto pss = [pid](const char* field) {
    return static_cast<double>(kib_of(pid, "smaps_rollup", field)) / 1024;
  };
  std::printf(
      "%s: resident %.2f MiB (private memory %.2f, files %.2f, shared %.2f); its own share of it (Pss) %.2f, "
      "private %.2f\n",
      when, kib("VmRSS"), kib("RssAnon"), kib("RssFile"), kib("RssShmem"), pss("Pss"),
      pss("Private_Clean") + pss("Private_Dirty"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) fatal("usage: idle_bench SCX_VIGIL [SECONDS]");
  begin("idle");
  const auto seconds = static_cast<unsigned>(argc > 2 ? std::max(1, std::atoi(argv[2])) : 60);
  Daemon daemon(argv[1]);
  sleep(3);
  print_memory("after the start", daemon.pid());
  const auto counters = map_of(daemon.pid(), "counters");
  const auto counts = read_counts(counters);
  const auto switches = voluntary_switches(daemon.pid()), cpu = cpu_ns(daemon.pid());
  sleep(seconds);
  const auto after = read_counts(counters);
  std::printf(
      "%u s: %llu wake-ups, %.3f ms of CPU; the kernel half saw %llu events, %llu of them for the daemon\n",
      seconds, static_cast<unsigned long long>(voluntary_switches(daemon.pid()) - switches),
      static_cast<double>(cpu_ns(daemon.pid()) - cpu) / 1e6,
      static_cast<unsigned long long>(after.seen - counts.seen),
      static_cast<unsigned long long>(after.reported - counts.reported));
  print_memory("then", daemon.pid());
  return 0;
}
