// SPDX-License-Identifier: GPL-2.0-only
//
// What an exec pays for being classified in the kernel: by number of variables and of rules, and by program.
//
//   classify_bench LOAD RULES_FOLDER [ROUNDS]
#include <bpf/bpf.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "core/config/ananicy.hpp"
#include "core/config/rules.hpp"
#include "edge/kernel/classifier.hpp"
#include "figures.hpp"
#include "machine.hpp"
#include "rule_sets.hpp"

using namespace vigil;
using namespace vigil::bench;

namespace {

constexpr int kExecsARound = 40;
constexpr std::size_t kVariables[] = {0, 20, 100, 1000};

struct Cell {
  std::vector<double> decided;  // from the beginning of the event to the verdict in force
  ProgramTime on_exec;
};

// One child that stays until its verdict has been read.
void one_exec(const Classifier& classifier, const std::string& load,
              const std::vector<std::string>& environment, Cell& cell) {
  auto child = start({load, "hold"}, environment);
  wait_until_it_runs(child);
  const auto verdict = classifier.verdict(static_cast<std::uint32_t>(child.pid));
  if (!verdict) fatal("an exec has no verdict");
  if (verdict->cause != VIGIL_EV_EXEC)
    fatal("an exec was not decided by the kernel; what decided: event " + std::to_string(verdict->cause));
  cell.decided.push_back(static_cast<double>(verdict->decided_ns - verdict->event_ns));
  finish(std::move(child));
}

void by_size(Classifier& classifier, const std::string& load,
             const std::vector<std::pair<std::string, wire::RuleTables>>& sets, int rounds) {
  std::map<std::pair<std::size_t, std::size_t>, Cell> cells;
  const int on_exec = classifier.events_object().program_fd("on_exec");
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t set = 0; set < sets.size(); ++set) {
      must(classifier.install_rules(sets[set].second));
      for (const auto variables : kVariables) {
        const auto environment = bench::environment(variables);
        auto& cell = cells[{set, variables}];
        const auto before = program_time(on_exec);
        for (int i = 0; i < kExecsARound; ++i) one_exec(classifier, load, environment, cell);
        const auto spent = program_time(on_exec) - before;
        cell.on_exec.runs += spent.runs;
        cell.on_exec.ns += spent.ns;
      }
    }
  }
  std::printf(
      "exec event to verdict in force, us (`mean` is the program's run time over every exec of the "
      "machine)\n");
  std::printf("%16s %10s %8s %8s %8s %8s %8s\n", "rules", "variables", "p50", "p90", "p99", "max", "mean");
  for (auto& [key, cell] : cells)
    std::printf("%16s %10zu %8s %8s %8s %8s %8s\n", sets[key.first].first.c_str(), key.second,
                us(quantile(cell.decided, 0.5), 2).c_str(), us(quantile(cell.decided, 0.9), 2).c_str(),
                us(quantile(cell.decided, 0.99), 2).c_str(), us(quantile(cell.decided, 1), 2).c_str(),
                us(cell.on_exec.each(), 2).c_str());
}

std::string cgroup2_mount() {
  std::ifstream in("/proc/mounts");
  for (std::string device, where, type, rest; in >> device >> where >> type && std::getline(in, rest);)
    if (type == "cgroup2") return where;
  return {};
}

// Mean run time of each program, under something that makes it run; the median of rounds, so that what else
// runs counts less.
void by_program(Classifier& classifier, const std::string& load, int rounds) {
  std::map<std::string, std::vector<double>> times;
  const auto& object = classifier.events_object();
  const auto measure = [&](const std::vector<std::string>& programs, auto action) {
    std::vector<ProgramTime> before;
    for (const auto& program : programs) before.push_back(program_time(object.program_fd(program.c_str())));
    action();
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const auto spent = program_time(object.program_fd(programs[i].c_str())) - before[i];
      if (spent.runs) times[programs[i]].push_back(spent.each());
    }
  };
  const auto mount = cgroup2_mount();
  for (int round = 0; round < rounds * 4; ++round) {
    measure({"on_newtask", "on_exec", "on_exit"}, [&] {
      finish(start({load, "loop", "50", load}, environment(20)));
    });
    measure({"on_rename"}, [&] {
      for (int i = 0; i < 200; ++i) prctl(PR_SET_NAME, i % 2 ? "bench-even" : "bench-odd");
    });
    if (mount.empty()) continue;
    const auto folder = mount + "/vigil-bench-" + std::to_string(getpid());
    measure({"on_cgroup_mkdir", "on_cgroup_rmdir", "on_cgroup_attach"}, [&] {
      for (int i = 0; i < 10; ++i) {
        if (mkdir(folder.c_str(), 0755) != 0) fatal("cannot make a cgroup in " + mount);
        auto child = start({load, "hold"}, {});
        std::ofstream(folder + "/cgroup.procs") << child.pid << std::flush;
        finish(std::move(child));
        // The last of a dead process may linger in its cgroup for a moment.
        while (rmdir(folder.c_str()) != 0) usleep(1000);
      }
    });
  }
  std::printf("run time of each BPF program, us: median of rounds [95 %% interval]\n");
  for (const auto& [program, samples] : times)
    std::printf("%20s  %s  (%zu rounds)\n", program.c_str(), with_interval(middle(samples), 1000).c_str(),
                samples.size());
  if (mount.empty()) std::printf("no cgroup v2 is mounted: its programs were not measured\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) fatal("usage: classify_bench LOAD RULES_FOLDER [ROUNDS]");
  begin("classify");
  const std::string load = argv[1];
  const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 10;
  pin_to_cpu(0);
  BpfStats stats;
  auto classifier = must(Classifier::load({}));
  const auto shipped = shipped_rules(argv[2]);
  std::vector<std::pair<std::string, wire::RuleTables>> sets;
  const auto add = [&](const std::vector<config::SourceFile>& files, const std::string& name) {
    const auto compiled = compile(files);
    sets.emplace_back(name.empty() ? std::to_string(compiled.rule_names.size()) + " as shipped" : name,
                      wire::encode(compiled));
  };
  add({}, "0");
  add(with_made_up_rules(shipped, 10'000), "shipped+10000");
  add(with_made_up_rules(shipped, 1000), "shipped+1000");
  {
    auto rules = config::parse_rules(shipped);
    if (!rules) fatal(config::to_string(rules.error()));
    config::import_ananicy(made_up_ananicy(15'800), *rules);
    sets.emplace_back("ananicy 15800", wire::encode(classify::compile(*rules)));
  }
  add(shipped, "");
  must(classifier.install_rules(sets.back().second));
  must(classifier.attach());
  classifier.enable();
  by_size(classifier, load, sets, rounds);
  must(classifier.install_rules(sets.back().second));
  by_program(classifier, load, rounds);
  return 0;
}
