// SPDX-License-Identifier: GPL-2.0-only
//
// What holds of any fair scheduler, under load. Says its cases itself; run it below `witness`, which sees the waits.
//
//   properties work SECONDS SEED [--quiet]    a random load whose affinities, cpusets, nice values, policies and groups change
//                                             all the time: nobody runs where it may not; prints `busy_permille N`
//   properties ratios SECONDS [--quiet]       more hogs than CPUs in a tree of groups: nice values and cpu.weight within 10 %
//
// --quiet: prints the figures only (for the kernel's own scheduler beside ours).
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr int kMost = 128;

// Where a task may run, as its parent has last said; `turn` is odd while that changes.
struct Place {
  std::atomic<std::uint32_t> turn;
  std::atomic<std::uint64_t> allowed;
};

struct Shared {
  Place places[kMost];
  std::atomic<std::uint64_t> trespasses, looks, trips, naps, forks;
};

Shared* shared;
bool quiet;
int failures;

void say(const std::string& name, bool passed, const std::string& why) {
  if (quiet) return;
  failures += !passed;
  std::printf(passed ? "ok %s (%s)\n" : "not ok %s - %s\n", name.c_str(), why.c_str());
}

std::uint64_t now_ns() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(ts.tv_nsec);
}

double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec ts{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0) return 0;
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) / 1e9;
}

bool write_file(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY);
  if (fd < 0) return false;
  const bool done = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return done;
}

const std::string kGroups = "/sys/fs/cgroup/";

void make_group(const std::string& name) { mkdir((kGroups + name).c_str(), 0755); }
bool move(pid_t pid, const std::string& group) { return write_file(kGroups + group + "/cgroup.procs", std::to_string(pid)); }

void spin(std::uint32_t rounds) {
  for (std::uint32_t i = 0; i < rounds; i++) asm volatile("" ::: "memory");
}

[[noreturn]] void hog(Place* place) {
  for (;;) {
    spin(4000);
    if (!place) continue;
    const auto turn = place->turn.load();
    if (turn % 2) continue;
    const int cpu = sched_getcpu();
    const auto allowed = place->allowed.load();
    if (cpu < 0 || cpu >= 64 || place->turn.load() != turn) continue;
    shared->looks.fetch_add(1, std::memory_order_relaxed);
    if (!(allowed >> cpu & 1)) shared->trespasses++;
  }
}

[[noreturn]] void sleeper(unsigned seed) {
  std::mt19937 random(seed);
  for (;;) {
    usleep(300 + random() % 6000);
    spin(random() % 50000);
    shared->naps++;
  }
}

[[noreturn]] void pipe_pair() {
  int there[2], back[2];
  if (pipe(there) || pipe(back)) _exit(1);
  char byte = 0;
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1) {
    }
    _exit(0);
  }
  while (write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1) shared->trips++;
  _exit(0);
}

[[noreturn]] void forker() {
  for (;;) {
    const pid_t child = fork();
    if (child == 0) {
      spin(20000);
      _exit(0);
    }
    waitpid(child, nullptr, 0);
    shared->forks++;
    usleep(2000);
  }
}

std::vector<pid_t> children;

pid_t start(const char* name, auto body) {
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, name);
    setpriority(PRIO_PROCESS, 0, 0);
    body();
    _exit(0);
  }
  children.push_back(pid);
  return pid;
}

void end_all() {
  for (const auto pid : children) kill(pid, SIGKILL);
  for (const auto pid : children) waitpid(pid, nullptr, 0);
  children.clear();
}

cpu_set_t cpus_of(std::uint64_t mask) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu = 0; cpu < 64; cpu++)
    if (mask >> cpu & 1) CPU_SET(cpu, &set);
  return set;
}

std::string list_of(std::uint64_t mask) {
  std::string out;
  for (int cpu = 0; cpu < 64; cpu++)
    if (mask >> cpu & 1) out += (out.empty() ? "" : ",") + std::to_string(cpu);
  return out;
}

// Idle and all time of the machine, in ticks.
std::pair<double, double> machine_time() {
  std::ifstream stat("/proc/stat");
  std::string line, word;
  std::getline(stat, line);
  std::istringstream words(line);
  words >> word;
  double value = 0, idle = 0, all = 0;
  for (int i = 0; i < 8 && words >> value; i++) {
    all += value;
    if (i == 3 || i == 4) idle += value;
  }
  return {idle, all};
}

int work(double seconds, unsigned seed, int cpus) {
  std::mt19937 random(seed);
  const auto below = [&](auto n) { return static_cast<std::uint32_t>(random() % static_cast<std::uint32_t>(n)); };
  const std::uint64_t every = cpus >= 64 ? ~0ULL : (1ULL << cpus) - 1;
  const auto any_mask = [&] {
    std::uint64_t mask = 0;
    if (below(3) == 0) return every;
    while (!mask) mask = (static_cast<std::uint64_t>(random()) | static_cast<std::uint64_t>(random()) << 32) & every;
    return mask;
  };

  std::vector<std::pair<pid_t, Place*>> hogs, caged;
  int places = 0;
  const auto add_hog = [&](auto& to, const char* name) {
    auto* place = &shared->places[places++];
    place->allowed = every;
    to.emplace_back(start(name, [&] { hog(place); }), place);
  };
  const int more = static_cast<int>(below(cpus + 1));
  for (int i = 0; i < cpus + more; i++) add_hog(hogs, "hog");
  make_group("props_cage");
  for (int i = 0; i < 2; i++) {
    add_hog(caged, "caged");
    move(caged.back().first, "props_cage");
  }
  const int sleepers = 1 + static_cast<int>(below(2 * cpus)), pipes = 1 + static_cast<int>(below(cpus));
  std::vector<pid_t> others;
  for (int i = 0; i < sleepers; i++) others.push_back(start("sleeper", [&] { sleeper(seed + static_cast<unsigned>(i)); }));
  for (int i = 0; i < pipes; i++) others.push_back(start("pipes", pipe_pair));
  others.push_back(start("forker", forker));
  std::printf("load hogs %d caged 2 sleepers %d pipes %d forkers 1\n", cpus + more, sleepers, pipes);
  for (const char* group : {"props_a", "props_b"}) make_group(group);

  unsigned affinities = 0, cages = 0, nices = 0, policies = 0, moves = 0, weights = 0;
  const auto until = now_ns() + static_cast<std::uint64_t>(seconds * 1e9);
  const auto [idle_before, all_before] = machine_time();
  while (now_ns() < until) {
    usleep(10000);
    const auto& [pid, place] = hogs[below(hogs.size())];
    switch (below(6)) {
      case 0: {
        const auto mask = any_mask();
        const auto set = cpus_of(mask);
        place->turn++;
        if (sched_setaffinity(pid, sizeof(set), &set) == 0) {
          place->allowed = mask;
          affinities++;
        }
        place->turn++;
        break;
      }
      case 1: {
        const auto mask = any_mask();
        for (auto& [inmate, cell] : caged) cell->turn++;
        if (write_file(kGroups + "props_cage/cpuset.cpus", list_of(mask))) {
          for (auto& [inmate, cell] : caged) cell->allowed = mask;
          cages++;
        }
        for (auto& [inmate, cell] : caged) cell->turn++;
        break;
      }
      case 2:
        nices += setpriority(PRIO_PROCESS, static_cast<id_t>(pid), static_cast<int>(below(20)) - 5) == 0;
        break;
      case 3: {
        constexpr int kPolicies[] = {SCHED_OTHER, SCHED_OTHER, SCHED_BATCH};
        sched_param parameter{};
        policies += sched_setscheduler(pid, kPolicies[below(3)], &parameter) == 0;
        break;
      }
      case 4: {
        constexpr const char* kTo[] = {"", "props_a", "props_b"};
        moves += move(below(2) ? pid : others[below(others.size())], kTo[below(3)]);
        break;
      }
      case 5:
        weights += write_file(kGroups + (below(2) ? "props_a" : "props_b") + "/cpu.weight", std::to_string(20 + below(500)));
        break;
    }
  }
  const auto [idle_after, all_after] = machine_time();
  end_all();
  std::printf("changes affinities %u cpusets %u nices %u policies %u moves %u weights %u looks %llu\n", affinities, cages, nices,
              policies, moves, weights, static_cast<unsigned long long>(shared->looks));
  std::printf("done naps %llu trips %llu forks %llu\n", static_cast<unsigned long long>(shared->naps),
              static_cast<unsigned long long>(shared->trips), static_cast<unsigned long long>(shared->forks));
  std::printf("busy_permille %.0f\n", 1000 * (1 - (idle_after - idle_before) / std::max(1.0, all_after - all_before)));
  say("the load did what it should", affinities && cages && nices && policies && moves && weights && shared->looks,
      "every kind of change was made");
  say("affinities and cpusets are obeyed while they change", shared->trespasses == 0,
      std::to_string(shared->trespasses.load()) + " of " + std::to_string(shared->looks.load()) + " looks found a task elsewhere");
  return failures ? 1 : 0;
}

// Hogs of one kind: what they ran in the window, together.
struct Party {
  std::vector<pid_t> pids;
  double before = 0, ran = 0;
  double now() const {
    double sum = 0;
    for (const auto pid : pids) sum += cpu_seconds(pid);
    return sum;
  }
};

int ratios(double seconds, int cpus) {
  // The root: a (100), b (300) with x (100) and y (200) in it, and c, which is idle. Twice as many hogs as CPUs at least.
  for (const char* group : {"props_a", "props_b", "props_c"}) make_group(group);
  bool made = write_file(kGroups + "props_b/cgroup.subtree_control", "+cpu");
  for (const char* group : {"props_b/x", "props_b/y"}) make_group(group);
  made &= write_file(kGroups + "props_a/cpu.weight", "100") && write_file(kGroups + "props_b/cpu.weight", "300") &&
          write_file(kGroups + "props_b/x/cpu.weight", "100") && write_file(kGroups + "props_b/y/cpu.weight", "200") &&
          write_file(kGroups + "props_c/cpu.idle", "1");
  say("the groups can be made", made, "a 100, b 300 (x 100, y 200), c idle");
  const auto party = [&](const char* name, const char* group, int nice, int count) {
    Party out;
    for (int i = 0; i < count; i++) {
      const pid_t pid = start(name, [&] {
        setpriority(PRIO_PROCESS, 0, nice);
        hog(nullptr);
      });
      move(pid, group);
      out.pids.push_back(pid);
    }
    return out;
  };
  Party a0 = party("a-nice0", "props_a", 0, cpus), a5 = party("a-nice5", "props_a", 5, cpus),
        x = party("x", "props_b/x", 0, cpus), y = party("y", "props_b/y", 0, cpus), c = party("c-idle", "props_c", 0, 1);
  Party* all[] = {&a0, &a5, &x, &y, &c};
  usleep(1'000'000);
  const auto began = now_ns();
  const auto [idle_before, all_before] = machine_time();
  for (auto* p : all) p->before = p->now();
  usleep(static_cast<useconds_t>(seconds * 1e6));
  for (auto* p : all) p->ran = p->now() - p->before;
  const auto [idle_after, all_after] = machine_time();
  const double wall = static_cast<double>(now_ns() - began) / 1e9;
  end_all();

  const auto compare = [&](const char* what, double found, double ideal) {
    char text[96];
    std::snprintf(text, sizeof(text), "%.2f, ideal %.2f", found, ideal);
    std::printf("ratio %s %.3f ideal %.2f\n", what, found, ideal);
    say(std::string(what) + " within 10 %", std::abs(found / ideal - 1) <= 0.10, text);
  };
  compare("cpu.weight 300 : 100", (x.ran + y.ran) / (a0.ran + a5.ran), 3);
  compare("cpu.weight 200 : 100 one level down", y.ran / x.ran, 2);
  compare("nice 0 : 5 within a group", a0.ran / a5.ran, 1024.0 / 335);
  const double sum = a0.ran + a5.ran + x.ran + y.ran + c.ran;
  std::printf("idle_group_permille %.1f used_permille %.0f busy_permille %.0f\n", 1000 * c.ran / sum, 1000 * sum / (wall * cpus),
              1000 * (1 - (idle_after - idle_before) / std::max(1.0, all_after - all_before)));
  say("a group with cpu.idle gets almost nothing beside others", c.ran / sum < 0.03, std::to_string(c.ran) + " s");
  say("no CPU time is lost", sum / (wall * cpus) > 0.95, std::to_string(sum) + " s of " + std::to_string(wall * cpus));
  return failures ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  quiet = argc > 3 && std::strcmp(argv[argc - 1], "--quiet") == 0;
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || argc < 3) return 2;
  shared = new (memory) Shared{};
  const double seconds = std::atof(argv[2]);
  const int cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  setpriority(PRIO_PROCESS, 0, -10);
  if (what == "work" && argc > 3) {
    const auto seed = static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10));
    std::printf("seed %u\n", seed);
    std::fflush(stdout);
    return work(seconds, seed, cpus);
  }
  if (what == "ratios") return ratios(seconds, cpus);
  return 2;
}
