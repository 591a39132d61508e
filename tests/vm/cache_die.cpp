// SPDX-License-Identifier: GPL-2.0-only
//
// Where does it run? Threads that work, and count what they did on which CPU:
//
//   cache_die SECONDS THREADS BUSY_PERCENT CPULIST [CPULIST]
//
// Each thread works BUSY_PERCENT of every 10 ms (100: without a pause). Prints `inside PERCENT`, the part of the work of the last
// four fifths of the time that was done on the CPUs of the first list, and `cpus NUMBER`, how many CPUs' worth of it there was.
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/cpu_set.hpp"

namespace {

constexpr std::uint64_t kMs = 1'000'000, kPeriod = 10 * kMs;

std::atomic<std::uint64_t> inside_ns, outside_ns;
std::atomic<bool> measuring, over;

std::uint64_t now(clockid_t clock) {
  timespec ts{};
  clock_gettime(clock, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(ts.tv_nsec);
}

void work(const vigil::CpuSet& cpus, std::uint64_t busy) {
  auto period = now(CLOCK_MONOTONIC) / kPeriod;
  auto used = now(CLOCK_THREAD_CPUTIME_ID);
  for (std::uint64_t done = 0; !over;) {
    for (int i = 0; i < 20000; i++) asm volatile("" ::: "memory");
    const auto at = now(CLOCK_THREAD_CPUTIME_ID);
    const auto cpu = sched_getcpu();
    if (measuring) (cpus.contains(static_cast<std::uint32_t>(cpu)) ? inside_ns : outside_ns) += at - used;
    done += at - used;
    used = at;
    if (busy < kPeriod && done >= busy) {
      period = now(CLOCK_MONOTONIC) / kPeriod + 1;
      const auto next = period * kPeriod;
      const timespec until{static_cast<time_t>(next / 1'000'000'000ULL), static_cast<long>(next % 1'000'000'000ULL)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
      done = 0;
    }
  }
}

void pause_ms(std::uint64_t ms) {
  const timespec ts{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000 * kMs)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  const auto cpus = argc > 4 ? vigil::CpuSet::parse(argv[4]) : vigil::CpuSet::parse("-");
  if (!cpus) {
    std::fprintf(stderr, "cache_die SECONDS THREADS BUSY_PERCENT CPULIST\n");
    return 2;
  }
  const auto ms = static_cast<std::uint64_t>(std::atof(argv[1]) * 1000);
  const auto busy = kPeriod * static_cast<std::uint64_t>(std::atoi(argv[3])) / 100;
  std::vector<pthread_t> threads(static_cast<std::size_t>(std::atoi(argv[2])));
  struct Job {
    const vigil::CpuSet* cpus;
    std::uint64_t busy;
  } job{&*cpus, busy};
  for (auto& thread : threads)
    pthread_create(
        &thread, nullptr,
        [](void* data) -> void* {
          const auto* to_do = static_cast<Job*>(data);
          work(*to_do->cpus, to_do->busy);
          return nullptr;
        },
        &job);
  pause_ms(ms / 5);
  const auto begin = now(CLOCK_MONOTONIC);
  measuring = true;
  pause_ms(ms - ms / 5);
  measuring = false;
  const auto wall = now(CLOCK_MONOTONIC) - begin;
  over = true;
  for (auto& thread : threads) pthread_join(thread, nullptr);
  const auto inside = static_cast<double>(inside_ns), all = inside + static_cast<double>(outside_ns);
  std::printf("inside %.0f\ncpus %.2f\n", all > 0 ? 100 * inside / all : 0, all / static_cast<double>(wall));
  return 0;
}
