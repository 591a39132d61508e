// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler without the daemon: loads and attaches it, stays until SIGTERM or until the kernel ends it, then prints
// why it ended and its counters. For guest suites and benchmarks.
//
//   sched_loader [--llc CPULIST]... [--smt] [--vcache N] [--by-name OBJECT --class NAME=PREFIX...] [--quiet]
//
// --llc names the CPUs of one last-level cache each; without it all CPUs share one. --smt: CPUs 2n and 2n+1 are one core.
// --class gives every thread that takes a name beginning with PREFIX a class (OBJECT is by_name.bpf.o): where there are no
// rules, that is how a load says what it is.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "abi.h"
#include "base/cpu_set.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "edge/kernel/scheduler.hpp"

using namespace vigil;

namespace {

struct ClassRule {
  WorkloadClass klass;
  std::string prefix;
};

// by_name.bpf.c: gives threads their class when they take a name that begins with one of the prefixes.
Result<BpfObject> classify_by_name(const Scheduler& scheduler, const std::string& path, const std::vector<ClassRule>& rules) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) return fail("cannot read " + path);
  auto object = BpfObject::open("by_name", std::as_bytes(std::span(bytes)));
  if (!object) return object;
  struct Prefix {
    char text[8];
    __u32 klass;
  };
  std::size_t size = 0;
  auto* prefixes = static_cast<Prefix*>(bpf_map__initial_value(object->map(".rodata"), &size));
  if (!prefixes || rules.size() > size / sizeof(Prefix)) return fail("too many classes");
  for (std::size_t i = 0; i < rules.size(); i++) {
    if (rules[i].prefix.size() >= sizeof(prefixes[i].text)) return fail("prefix too long: " + rules[i].prefix);
    std::memcpy(prefixes[i].text, rules[i].prefix.c_str(), rules[i].prefix.size() + 1);
    prefixes[i].klass = static_cast<__u32>(rules[i].klass);
  }
  if (auto shared = object->share_map(scheduler.object(), "tasks"); !shared) return fail(std::move(shared).error());
  if (auto loaded = object->load(); !loaded) return fail(std::move(loaded).error());
  return object;
}

int usage(const std::string& why) {
  std::fprintf(stderr, "sched_loader: %s\n", why.c_str());
  return 2;
}

void print(const SchedStats& stats) {
  const auto line = [](const char* name, std::uint64_t value) {
    std::printf("%s %llu\n", name, static_cast<unsigned long long>(value));
  };
  line("switches", stats.switches);
  line("direct", stats.direct);
  line("queued", stats.queued);
  line("pinned", stats.pinned);
  line("kthreads", stats.kthreads);
  line("kept", stats.kept);
  line("moved_cpu", stats.moved_cpu);
  line("moved_llc", stats.moved_llc);
  line("stolen", stats.stolen);
  line("balanced", stats.balanced);
  line("kicks", stats.kicks);
  line("yielded", stats.yielded);
  line("no_storage", stats.no_storage);
  line("steered", stats.steered);
  line("spilled", stats.spilled);
  for (const auto klass : kWorkloadClasses) {
    const auto i = static_cast<std::size_t>(klass);
    if (stats.class_runs[i] == 0) continue;
    std::printf("class %s runs %llu ms %llu wait_us p50 %llu p99 %llu p99.9 %llu\n", std::string(to_string(klass)).c_str(),
                static_cast<unsigned long long>(stats.class_runs[i]),
                static_cast<unsigned long long>(stats.class_ns[i] / 1'000'000),
                static_cast<unsigned long long>(stats.wait_quantile_us(klass, 0.5).value_or(0)),
                static_cast<unsigned long long>(stats.wait_quantile_us(klass, 0.99).value_or(0)),
                static_cast<unsigned long long>(stats.wait_quantile_us(klass, 0.999).value_or(0)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  SchedOptions options;
  std::vector<CpuSet> llcs;
  std::vector<ClassRule> rules;
  std::string by_name;
  bool smt = false, quiet = false;
  std::optional<std::uint32_t> vcache;
  for (int i = 1; i < argc; i++) {
    const std::string_view option = argv[i];
    const auto next = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (option == "--llc") {
      auto cpus = CpuSet::parse(next());
      if (!cpus) return usage(cpus.error().message());
      llcs.push_back(std::move(*cpus));
    } else if (option == "--smt") {
      smt = true;
    } else if (option == "--quiet") {
      quiet = true;
    } else if (option == "--vcache") {
      vcache = parse_number<std::uint32_t>(next());
    } else if (option == "--by-name") {
      by_name = next();
    } else if (option == "--class") {
      const auto rule = next();
      const auto at = rule.find('=');
      const auto klass = parse_workload_class(rule.substr(0, at));
      if (at == std::string::npos || !klass) return usage("--class NAME=PREFIX, not '" + rule + "'");
      rules.push_back({*klass, rule.substr(at + 1)});
    } else {
      return usage("unknown option " + std::string(option));
    }
  }
  for (std::uint32_t llc = 0; llc < llcs.size(); llc++)
    for (const auto cpu : llcs[llc].to_vector())
      options.topology.cpus.push_back({.id = cpu, .llc = llc, .core = smt ? cpu / 2 : cpu, .vcache = vcache == llc});

  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const UniqueFd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC));

  libbpf_capture();
  auto scheduler = Scheduler::load(options);
  if (!scheduler) {
    std::fprintf(stderr, "sched_loader: %s\n", scheduler.error().message().c_str());
    return 1;
  }
  if (auto attached = scheduler->attach(); !attached) {
    std::fprintf(stderr, "sched_loader: %s\n", attached.error().message().c_str());
    return 1;
  }
  BpfObject names;
  BpfLink names_link;
  if (!by_name.empty()) {
    auto object = classify_by_name(*scheduler, by_name, rules);
    if (object) names = std::move(*object);
    auto link = object ? names.attach("by_name") : fail(std::move(object).error());
    if (!link) {
      std::fprintf(stderr, "sched_loader: %s\n", link.error().message().c_str());
      return 1;
    }
    names_link = std::move(*link);
  }
  std::printf("attached %s\n", scheduler->name().c_str());
  std::fflush(stdout);

  for (;;) {
    pollfd wait{signal_fd.get(), POLLIN, 0};
    ::poll(&wait, 1, 500);
    if (!scheduler->is_attached()) break;
    if (wait.revents & POLLIN) break;
  }
  const bool ejected = !scheduler->is_attached();
  scheduler->detach();
  if (!quiet) print(scheduler->read_stats());
  if (const auto exit = scheduler->exit_info()) {
    std::printf("exit kind %u code %lld reason %s\n", exit->kind, static_cast<long long>(exit->code), exit->reason.c_str());
    std::printf("exit sentence %s\n", exit->sentence().c_str());
    if (exit->is_error()) std::printf("dump\n%s\n", exit->dump.c_str());
  }
  return ejected ? 3 : 0;
}
