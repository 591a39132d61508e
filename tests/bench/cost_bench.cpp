// SPDX-License-Identifier: GPL-2.0-only
//
// What Vigil costs those who fork and execute, and what the daemon itself uses.
//
//   cost_bench LOAD RULES_FOLDER SCX_VIGIL [ROUNDS]
//
// The first two compare in pairs: tracepoints attached and a reader at work (reader.hpp), or not. A pair is
// one of each, right after the other, in alternating order; the figure is the median of the pairs'
// differences, so that what else the machine does in the course of the run cancels out. One side of a pair is
// itself a median of 60 fork+execs.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/clock.hpp"
#include "edge/kernel/classifier.hpp"
#include "figures.hpp"
#include "machine.hpp"
#include "reader.hpp"
#include "rule_sets.hpp"

using namespace vigil;
using namespace vigil::bench;

namespace {

// As Classifier::attach(), but it can be undone.
class Attached {
 public:
  explicit Attached(const Classifier& classifier) {
    for (const char* program : {"on_newtask", "on_exec", "on_rename", "on_exit", "on_cgroup_mkdir",
                                "on_cgroup_rmdir", "on_cgroup_attach"})
      links_.push_back(must(classifier.events_object().attach(program)));
  }

 private:
  std::vector<BpfLink> links_;
};

// `measure` returns nanoseconds (of wall clock, of CPU). Prints the difference as such and relative to `off`.
template <typename Measure>
void pairs(const char* title, const char* unit_name, double unit, const Classifier& classifier, int rounds,
           Measure measure) {
  std::vector<double> off_wall, wall, wall_percent, off_cpu, cpu, cpu_percent;
  for (int round = 0; round < rounds; ++round) {
    std::pair<double, double> off, on;
    const auto measure_on = [&] {
      Attached attached(classifier);
      on = measure();
    };
    if (round % 2) measure_on();
    off = measure();
    if (round % 2 == 0) measure_on();
    off_wall.push_back(off.first);
    wall.push_back(on.first - off.first);
    wall_percent.push_back((on.first - off.first) / off.first * 100);
    off_cpu.push_back(off.second);
    cpu.push_back(on.second - off.second);
    cpu_percent.push_back((on.second - off.second) / off.second * 100);
  }
  std::printf("%s, %d pairs: median of differences [95 %% interval]\n", title, rounds);
  std::printf("  wall  without %s %s; with it %s %s more, %s %% more\n",
              with_interval(middle(off_wall), unit).c_str(), unit_name,
              with_interval(middle(wall), unit).c_str(), unit_name,
              with_interval(middle(wall_percent), 1).c_str());
  std::printf("  CPU   without %s %s; with it %s %s more, %s %% more\n",
              with_interval(middle(off_cpu), unit).c_str(), unit_name,
              with_interval(middle(cpu), unit).c_str(), unit_name,
              with_interval(middle(cpu_percent), 1).c_str());
}

std::pair<double, double> fork_exec(const std::string& load, const std::string& program, int count) {
  const auto output = finish(start({load, "loop", std::to_string(count), program}, environment(100)));
  char* rest = nullptr;
  const double wall = std::strtod(output.c_str(), &rest);
  return {wall, std::strtod(rest, nullptr)};
}

// A project of 40 files, each compiled by itself and all linked: three to four execs a file.
std::string make_project(const Scratch& scratch) {
  constexpr int kFiles = 40, kFunctions = 20;
  std::string objects;
  for (int file = 0; file < kFiles; ++file) {
    const auto name = "part" + std::to_string(file);
    std::ofstream out(scratch.path() + "/" + name + ".c");
    for (int i = 0; i < kFunctions; ++i)
      out << "int f" << file << "_" << i
          << "(int a, const int *b)\n{\n\tint s = a;\n\n\tfor (int i = 0; i < a; i++)\n\t\ts += b[i] * " << i
          << " + (s >> " << i % 7 << ");\n\treturn s;\n}\n";
    objects += " " + name + ".o";
  }
  std::ofstream(scratch.path() + "/main.c") << "int main(void) { return 0; }\n";
  std::ofstream(scratch.path() + "/Makefile")
      << "all: main\nmain: main.o" << objects
      << "\n\t@gcc -o $@ $^\n%.o: %.c\n\t@gcc -O1 -c -o $@ $<\nclean:\n\t@rm -f *.o main\n";
  return scratch.path();
}

std::pair<double, double> build(const std::string& folder) {
  const std::vector<std::string> environment = {"PATH=/usr/local/bin:/usr/bin:/bin"};
  finish(start({"/usr/bin/make", "-C", folder, "-s", "clean"}, environment));
  const auto begin = monotonic_now();
  rusage before{}, after{};
  getrusage(RUSAGE_CHILDREN, &before);
  finish(start({"/usr/bin/make", "-C", folder, "-s", "-j2"}, environment));
  const auto wall = static_cast<double>(monotonic_now() - begin);
  getrusage(RUSAGE_CHILDREN, &after);
  const auto ns = [](const rusage& usage) {
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
  };
  return {wall, ns(after) - ns(before)};
}

void daemon_cpu(const std::string& scx_vigil, const std::string& load, const std::string& plain,
                const std::string& build_news, const std::string& prompt_news) {
  std::printf("CPU time of the daemon\n");
  constexpr int kSeconds = 10;
  const auto seconds = std::to_string(kSeconds);
  struct Run {
    const char* what;
    std::vector<std::string> arguments;
    bool counted;  // per 1,000 execs, else as a share of a core
  };
  for (const auto& run :
       {Run{"storm, no news", {load, "storm", seconds, plain}, true},
        Run{"storm, each news that may wait", {load, "storm", seconds, build_news}, true},
        Run{"storm, each news that wakes it", {load, "storm", seconds, prompt_news}, true},
        Run{"300 exec/s, no news", {load, "rate", "300", seconds, plain}, false},
        Run{"300 exec/s, each news that may wait", {load, "rate", "300", seconds, build_news}, false},
        Run{"300 exec/s, each news that wakes it", {load, "rate", "300", seconds, prompt_news}, false}}) {
    Daemon daemon(scx_vigil);
    usleep(500'000);
    std::vector<double> figures;
    double execs = 0;
    for (int round = 0; round < 3; ++round) {
      const auto before = cpu_ns(daemon.pid()), begin = monotonic_now();
      const double count = std::atof(output_of(run.arguments).c_str());
      usleep(50'000);  // what is in the ring belongs to it
      const auto used = static_cast<double>(cpu_ns(daemon.pid()) - before),
                 wall = static_cast<double>(monotonic_now() - begin);
      figures.push_back(run.counted ? used / count * 1000 / 1e6 : used / wall * 100);
      execs += count / wall * 1e9 / 3;
    }
    std::sort(figures.begin(), figures.end());
    std::printf("  %-36s %7.0f exec/s: %.3f %s (of three runs: %.3f … %.3f)\n", run.what, execs, figures[1],
                run.counted ? "ms per 1,000 execs" : "% of one core", figures[0], figures[2]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) fatal("usage: cost_bench LOAD RULES_FOLDER SCX_VIGIL [ROUNDS]");
  begin("cost");
  const std::string load = argv[1];
  const int rounds = argc > 4 ? std::max(2, std::atoi(argv[4])) : 100;
  Scratch scratch, project;
  const auto plain = scratch.copy(load, "bench-plain"), build_news = scratch.copy(load, "cc1"),
             prompt_news = scratch.copy(load, "pipewire");
  {
    auto classifier = must(Classifier::load({}));
    must(classifier.install_rules(wire::encode(compile(shipped_rules(argv[2])))));
    classifier.enable();
    Reader reader(classifier, "");
    pairs("fork+exec+exit with 100 variables, no news", "us", 1000, classifier, rounds,
          [&] { return fork_exec(plain, plain, 60); });
    pairs("the same, each exec and exit news that may wait", "us", 1000, classifier, rounds,
          [&] { return fork_exec(plain, build_news, 60); });
    pairs("the same, each exec and exit news that wakes the daemon", "us", 1000, classifier, rounds,
          [&] { return fork_exec(plain, prompt_news, 60); });
    if (access("/usr/bin/make", X_OK) == 0 && access("/usr/bin/gcc", X_OK) == 0) {
      const auto folder = make_project(project);
      build(folder);
      pairs("make -j2 of 41 files", "ms", 1e6, classifier, std::max(2, rounds / 5),
            [&] { return build(folder); });
    } else {
      std::printf("make -j2: no make and gcc here, so not measured\n");
    }
    std::printf("records read meanwhile: %zu\n", static_cast<std::size_t>(reader.stop().records));
  }
  daemon_cpu(argv[3], load, plain, build_news, prompt_news);
  return 0;
}
