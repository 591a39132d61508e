// SPDX-License-Identifier: GPL-2.0-only
//
// Everything a scheduler is likely to be ejected for, at once, for a while:
//
//   mixed_load SECONDS [SEED]
//
// two CPU hogs a CPU at nice 0, 5 and 19, one hog pinned to each CPU, a fork storm (fork+exit and fork+exec), pipe pairs,
// sleepers; meanwhile affinities, nice values and policies change, tasks move between cgroups whose weights change, CPUs go
// off and on. Prints what was done and `longest_gap_ms`: the longest time in which a hog got nothing done. In an emulated machine
// that is more than it waited: its CPU stands still while others are emulated, and the clock goes on.
// Exit 0 when all of it worked; the seed is printed.
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
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

struct Shared {
  std::atomic<std::uint64_t> forks, execs, trips, naps, hog_gap_ns, pinned_gap_ns, hog_loops[3];
};

Shared* shared;
const char* self;

std::uint64_t now_ns() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(ts.tv_nsec);
}

void raise_to(std::atomic<std::uint64_t>& most, std::uint64_t value) {
  auto seen = most.load();
  while (value > seen && !most.compare_exchange_weak(seen, value)) {
  }
}

pid_t start(const char* name, auto body) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, name);
  body();
  _exit(0);
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

void hog(std::atomic<std::uint64_t>* gap, std::atomic<std::uint64_t>* loops) {
  auto last = now_ns();
  for (;;) {
    for (int i = 0; i < 20000; i++) asm volatile("" ::: "memory");
    const auto now = now_ns();
    if (gap) raise_to(*gap, now - last);
    last = now;
    if (loops) loops->fetch_add(1, std::memory_order_relaxed);
  }
}

void forks() {
  for (;;) {
    const pid_t child = fork();
    if (child == 0) {
      if (shared->forks % 8 == 0) {
        execl(self, self, "--nothing", nullptr);
        _exit(1);
      }
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (shared->forks++ % 8 == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) shared->execs++;
  }
}

void pipe_pair() {
  int there[2], back[2];
  if (pipe(there) || pipe(back)) _exit(1);
  const pid_t peer = fork();
  char byte = 0;
  if (peer == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1) {
    }
    _exit(0);
  }
  while (write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1) shared->trips++;
}

void sleeper(unsigned seed) {
  std::mt19937 random(seed);
  for (;;) {
    usleep(500 + random() % 8000);
    for (unsigned i = random() % 200000; i > 0; i--) asm volatile("" ::: "memory");
    shared->naps++;
  }
}

bool write_file(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY);
  if (fd < 0) return false;
  const bool done = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--nothing") return 0;
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 60;
  const unsigned seed = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : static_cast<unsigned>(now_ns());
  self = "/proc/self/exe";
  std::printf("seed %u\n", seed);
  std::fflush(stdout);
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  shared = new (memory) Shared{};

  const int cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  std::mt19937 random(seed);
  std::vector<pid_t> movable, all;
  constexpr int kNice[] = {0, 5, 19};
  for (int i = 0; i < 2 * cpus; i++) {
    const int kind = i % 3;
    const pid_t pid = start("hog", [&] {
      setpriority(PRIO_PROCESS, 0, kNice[kind]);
      hog(&shared->hog_gap_ns, &shared->hog_loops[kind]);
    });
    movable.push_back(pid);
    all.push_back(pid);
  }
  for (int cpu = 0; cpu < cpus; cpu++)
    all.push_back(start("pinned", [&] {
      pin(cpu);
      hog(&shared->pinned_gap_ns, nullptr);
    }));
  for (int i = 0; i < 2; i++) all.push_back(start("forks", forks));
  for (int i = 0; i < 4; i++) movable.push_back(all.emplace_back(start("pipes", pipe_pair)));
  for (int i = 0; i < 4; i++) movable.push_back(all.emplace_back(start("sleeper", [&] { sleeper(seed + 1 + static_cast<unsigned>(i)); })));

  const std::string cgroups[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/mixed_a", "/sys/fs/cgroup/mixed_b", "/sys/fs/cgroup/mixed_b/inner"};
  bool groups = true;
  for (int i = 1; i < 4; i++) groups &= mkdir(cgroups[i].c_str(), 0755) == 0 || access(cgroups[i].c_str(), F_OK) == 0;
  const bool hotplug = cpus > 1 && access("/sys/devices/system/cpu/cpu1/online", W_OK) == 0;

  unsigned affinities = 0, nices = 0, policies = 0, moves = 0, weights = 0, offs = 0, ons = 0;
  std::vector<bool> off(static_cast<std::size_t>(cpus));
  const auto end = now_ns() + static_cast<std::uint64_t>(seconds) * 1'000'000'000ULL;
  const auto any = [&](auto& from) { return from[random() % std::size(from)]; };
  while (now_ns() < end) {
    usleep(20000);
    switch (random() % 6) {
      case 0: {
        cpu_set_t set;
        CPU_ZERO(&set);
        const auto width = random() % 3;
        for (int cpu = 0; cpu < cpus; cpu++)
          if (width == 0 || random() % 2) CPU_SET(cpu, &set);
        affinities += sched_setaffinity(any(movable), sizeof(set), &set) == 0;
        break;
      }
      case 1:
        nices += setpriority(PRIO_PROCESS, static_cast<id_t>(any(movable)), static_cast<int>(random() % 40) - 20) == 0;
        break;
      case 2: {
        const int policy[] = {SCHED_OTHER, SCHED_OTHER, SCHED_BATCH, SCHED_IDLE};
        sched_param parameter{};
        policies += sched_setscheduler(any(movable), policy[random() % 4], &parameter) == 0;
        break;
      }
      case 3:
        if (groups) moves += write_file(any(cgroups) + "/cgroup.procs", std::to_string(any(movable)));
        break;
      case 4:
        if (groups) weights += write_file(cgroups[1 + random() % 2] + "/cpu.weight", std::to_string(1 + random() % 1000));
        break;
      case 5: {
        if (!hotplug || random() % 4) break;
        const int cpu = 1 + static_cast<int>(random() % static_cast<unsigned>(cpus - 1));
        auto&& turned_off = off[static_cast<std::size_t>(cpu)];
        const std::string path = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/online";
        if (!write_file(path, turned_off ? "1" : "0")) break;
        (turned_off ? ons : offs)++;
        turned_off = !turned_off;
        break;
      }
    }
  }
  for (int cpu = 1; cpu < cpus; cpu++)
    if (off[static_cast<std::size_t>(cpu)]) write_file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/online", "1");
  for (const auto pid : all) kill(pid, SIGKILL);
  for (const auto pid : all) waitpid(pid, nullptr, 0);

  std::printf("forks %llu execs %llu trips %llu naps %llu\n", static_cast<unsigned long long>(shared->forks),
              static_cast<unsigned long long>(shared->execs), static_cast<unsigned long long>(shared->trips),
              static_cast<unsigned long long>(shared->naps));
  std::printf("affinities %u nices %u policies %u moves %u weights %u offs %u ons %u\n", affinities, nices, policies, moves,
              weights, offs, ons);
  std::printf("longest_gap_ms hogs %llu pinned %llu\n", static_cast<unsigned long long>(shared->hog_gap_ns / 1000000),
              static_cast<unsigned long long>(shared->pinned_gap_ns / 1000000));
  const bool worked = shared->forks && shared->execs && shared->trips && shared->naps && affinities && nices && policies &&
                      (!groups || (moves && weights)) && (!hotplug || offs);
  return worked ? 0 : 1;
}
