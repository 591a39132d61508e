// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler without the daemon: loads and attaches it, stays until SIGTERM or until the kernel ends it, then prints
// why it ended and its counters. For guest suites and benchmarks.
//
//   sched_loader [--llc CPULIST]... [--smt] [--vcache N] [--cpu-set NUMBER=CPULIST]... [--by-name OBJECT --class NAME=PREFIX...] [--quiet] [--cost]
//                [--other OBJECT] [--set NAME=NUMBER]...
//
// --llc names the CPUs of one last-level cache each; without it all CPUs share one. --smt: CPUs 2n and 2n+1 are one core.
// --vcache: LLC N has stacked cache. --cpu-set: the CPUs of a set (enum vigil_cpu_set).
// --class gives every thread that takes a name beginning with PREFIX a class (OBJECT is by_name.bpf.o): where there are no
// rules, that is how a load says what it is. --cost: what each BPF program ran, and how much of it the verifier looked at.
// --other: not our scheduler but the one in that object. --set: a tunable.
#include <bpf/bpf.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "abi.h"
#include "base/cpu_set.hpp"
#include "base/handle.hpp"
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

// Run-time statistics of every program, which the kernel keeps while somebody asks for them.
void print_cost(const bpf_object* object) {
  bpf_program* program = nullptr;
  std::uint64_t all_ns = 0;
  bpf_object__for_each_program(program, object) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size) < 0) continue;
    all_ns += info.run_time_ns;
    std::printf("prog %s runs %llu ns_each %llu verified %u\n", bpf_program__name(program),
                static_cast<unsigned long long>(info.run_cnt),
                static_cast<unsigned long long>(info.run_cnt ? info.run_time_ns / info.run_cnt : 0), info.verified_insns);
  }
  std::printf("bpf_ns %llu\n", static_cast<unsigned long long>(all_ns));
}

// How much of each program the verifier looked at on this kernel: what grows here will be refused one day.
void print_verified(const bpf_object* object) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
      std::printf("verified %s %u\n", bpf_program__name(program), info.verified_insns);
  }
}

// Any object with a struct_ops map `vigil_ops`: for a scheduler to be measured beside ours.
int run_other(const std::string& path, int signals, bool cost) {
  const Handle<bpf_object, bpf_object__close> object(bpf_object__open_file(path.c_str(), nullptr));
  if (!object || bpf_object__load(object.get()) < 0) {
    std::fprintf(stderr, "sched_loader: %s\n", libbpf_messages().c_str());
    return 1;
  }
  const BpfLink link(bpf_map__attach_struct_ops(bpf_object__find_map_by_name(object.get(), "vigil_ops")));
  if (!link) {
    std::fprintf(stderr, "sched_loader: %s\n", libbpf_messages().c_str());
    return 1;
  }
  std::printf("attached %s\n", path.c_str());
  std::fflush(stdout);
  pollfd wait{signals, POLLIN, 0};
  ::poll(&wait, 1, -1);
  if (cost) print_cost(object.get());
  return 0;
}

// A number of the scheduler by its name, or one of the CPU sets that topology decides otherwise: "gaming.set", "away_set".
bool set_tunable(SchedTunables& tunables, const std::string& name, double value) {
  if (set_number(tunables, name, value)) return true;
  const auto set = static_cast<policy::CpuSetId>(value);
  if (name == "away_set") return tunables.away = set, true;
  const auto dot = name.find('.');
  const auto klass = parse_workload_class(name.substr(0, dot));
  if (!klass || dot == std::string::npos) return false;
  const auto field = name.substr(dot + 1);
  if (field == "set") return tunables.of(*klass).set = set, true;
  if (field == "spread") return tunables.of(*klass).spread = value != 0, true;
  return false;
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
  line("held_back", stats.held_back);
  line("no_room", stats.no_room);
  line("yielded", stats.yielded);
  line("no_storage", stats.no_storage);
  line("handed", stats.handed);
  line("overtaken", stats.overtaken);
  line("steered", stats.steered);
  line("spilled", stats.spilled);
  line("workers_promoted", stats.workers_promoted);
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
  std::string other;
  bool smt = false, quiet = false, cost = false;
  std::optional<std::uint32_t> vcache;
  policy::CpuSets sets;
  std::vector<std::pair<std::string, double>> settings;
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
    } else if (option == "--cost") {
      cost = true;
    } else if (option == "--other") {
      other = next();
    } else if (option == "--set") {
      const auto setting = next();
      const auto at = setting.find('=');
      if (at == std::string::npos) return usage("--set NAME=NUMBER, not '" + setting + "'");
      settings.emplace_back(setting.substr(0, at), std::atof(setting.c_str() + at + 1));
    } else if (option == "--cpu-set") {
      const auto text = next();
      const auto at = text.find('=');
      const auto number = parse_number<std::uint32_t>(text.substr(0, at));
      auto cpus = CpuSet::parse(at == std::string::npos ? "" : text.substr(at + 1));
      if (!number || *number == 0 || *number >= policy::kCpuSetCount || !cpus) return usage("--cpu-set NUMBER=CPULIST, not '" + text + "'");
      sets[static_cast<policy::CpuSetId>(*number)] = *cpus;
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
  if (vcache && *vcache < llcs.size())
    for (std::size_t llc = 0; llc < llcs.size(); llc++) {
      auto& set = sets[llc == *vcache ? policy::CpuSetId::vcache : policy::CpuSetId::frequency];
      set = set | llcs[llc];
    }
  options.tunables.place(policy::places_of(sets, {}));
  for (const auto& [name, value] : settings)
    if (!set_tunable(options.tunables, name, value)) return usage("--set: no tunable " + name);

  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const UniqueFd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC));

  libbpf_capture();
  const UniqueFd statistics(cost ? bpf_enable_stats(BPF_STATS_RUN_TIME) : -1);
  if (!other.empty()) return run_other(other, signal_fd.get(), cost);
  auto scheduler = Scheduler::load(options);
  if (!scheduler) {
    std::fprintf(stderr, "sched_loader: %s\n", scheduler.error().message().c_str());
    return 1;
  }
  for (std::uint32_t i = 1; i < policy::kCpuSetCount; i++) {
    const auto id = static_cast<policy::CpuSetId>(i);
    if (auto done = scheduler->set_cpu_set(id, sets[id]); !done) {
      std::fprintf(stderr, "sched_loader: %s\n", done.error().message().c_str());
      return 1;
    }
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
  if (cost) print_cost(scheduler->object().get());
  scheduler->detach();
  if (!quiet) {
    print_verified(scheduler->object().get());
    print(scheduler->read_stats());
  }
  if (const auto exit = scheduler->exit_info()) {
    std::printf("exit kind %u code %lld reason %s\n", exit->kind, static_cast<long long>(exit->code), exit->reason.c_str());
    std::printf("exit sentence %s\n", exit->sentence().c_str());
    if (exit->is_error()) std::printf("dump\n%s\n", exit->dump.c_str());
  }
  return ejected ? 3 : 0;
}
