// SPDX-License-Identifier: GPL-2.0-only
//
// A desktop at play, and what builds and servers put beside it; then figures of how each fared.
//
//   game_load SECONDS [--hz 60] [--alone] [--nothing]
//
// Game (threads game-*): a frame loop; each frame simulates, hands a job to each of three workers, waits for them, then a
// render thread draws and presents to a compositor (comp-*). 1.4 CPUs of demand, critical path 68 % of the period. A frame
// that is late starts the next one at the next multiple of the period, as vertical sync does.
// Audio (audio-*): a daemon and a client, 5 ms period, 0.3 ms of work between them.
// Background, twice the CPUs unless --alone: hogs at nice 0, 5 and 19, fork+exec loops, pipe pairs.
//
// Work is measured in what a CPU does while all are busy, calibrated at start: under an instruction clock all CPUs share
// the instructions, so never compare machines of different shape.
//
// Output: one `name value` a line.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr int kWorkers = 3;
constexpr std::size_t kSamples = 200'000;

struct Series {
  std::uint32_t values[kSamples];  // microseconds
  std::atomic<std::uint32_t> count;

  void add(std::uint64_t ns) {
    const auto at = count.fetch_add(1, std::memory_order_relaxed);
    if (at < kSamples) values[at] = static_cast<std::uint32_t>(std::min<std::uint64_t>(ns / 1000, UINT32_MAX));
  }
};

struct Shared {
  std::atomic<std::uint64_t> loops[3];  // of hogs at nice 0, 5, 19
  std::atomic<std::uint64_t> forks, trips;
  std::atomic<std::uint64_t> frames, late, very_late, xruns;
  std::atomic<std::uint64_t> calibration;
  std::atomic<bool> measuring;
  Series frame, audio, client, worker, render, compositor;
};

Shared* shared;
std::uint64_t loops_per_ms;

std::uint64_t now_ns() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(ts.tv_nsec);
}

void sleep_until(std::uint64_t when) {
  const timespec ts{static_cast<time_t>(when / 1'000'000'000ULL), static_cast<long>(when % 1'000'000'000ULL)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, nullptr) == EINTR) {
  }
}

[[gnu::noinline]] void loop(std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; i++) asm volatile("" ::: "memory");
}

void work_us(std::uint64_t us) { loop(loops_per_ms * us / 1000); }

bool measuring() { return shared->measuring.load(std::memory_order_relaxed); }

pid_t process(const char* name, auto body) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, name);
  body();
  _exit(0);
}

template <typename Body>
void thread(Body body) {
  auto* kept = new Body(std::move(body));
  pthread_t id;
  pthread_create(
      &id, nullptr,
      [](void* data) -> void* {
        (*static_cast<Body*>(data))();
        return nullptr;
      },
      kept);
}

// A hand-over that remembers when it was made: what the receiver waited is what the scheduler took.
struct Baton {
  sem_t* semaphore;
  std::atomic<std::uint64_t>* at;

  static Baton make() {
    void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Baton out{static_cast<sem_t*>(memory), reinterpret_cast<std::atomic<std::uint64_t>*>(static_cast<char*>(memory) + 512)};
    sem_init(out.semaphore, 1, 0);
    return out;
  }
  void pass() const {
    at->store(now_ns(), std::memory_order_relaxed);
    sem_post(semaphore);
  }
  void take(Series* waits) const {
    while (sem_wait(semaphore) != 0) {
    }
    if (waits && measuring()) waits->add(now_ns() - at->load(std::memory_order_relaxed));
  }
};

void calibrate(int cpus) {
  std::vector<pid_t> pids;
  const auto begin = now_ns() + 100 * kMs;
  for (int cpu = 0; cpu < cpus; cpu++)
    pids.push_back(process("calibrate", [&] {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpu, &set);
      sched_setaffinity(0, sizeof(set), &set);
      sleep_until(begin);
      std::uint64_t done = 0;
      while (now_ns() < begin + 400 * kMs) {
        loop(2000);
        done += 2000;
      }
      shared->calibration += done;
    }));
  for (const auto pid : pids) waitpid(pid, nullptr, 0);
  loops_per_ms = std::max<std::uint64_t>(shared->calibration / static_cast<std::uint64_t>(cpus) / 400, 1);
}

void game(std::uint64_t period, const Baton& present) {
  // Shares of the period: 1.4 CPUs of demand in all, 68 % of the period on the critical path.
  const auto simulate_us = period / 1000 * 18 / 100, job_us = period / 1000 * 36 / 100, render_us = period / 1000 * 14 / 100;
  static Baton jobs[kWorkers], done, draw, drawn;
  done = Baton::make();
  draw = Baton::make();
  drawn = Baton::make();
  for (auto& job : jobs) {
    job = Baton::make();
    thread([&job, job_us] {
      prctl(PR_SET_NAME, "game-worker");
      for (;;) {
        job.take(&shared->worker);
        work_us(job_us);
        done.pass();
      }
    });
  }
  thread([&present, render_us] {
    prctl(PR_SET_NAME, "game-render");
    for (;;) {
      draw.take(&shared->render);
      work_us(render_us);
      present.pass();
      drawn.pass();
    }
  });
  prctl(PR_SET_NAME, "game-main");
  auto start = now_ns() / period * period + period;
  for (;;) {
    sleep_until(start);
    work_us(simulate_us);
    for (const auto& job : jobs) job.pass();
    for (int i = 0; i < kWorkers; i++) done.take(nullptr);
    draw.pass();
    drawn.take(nullptr);
    const auto took = now_ns() - start;
    if (measuring()) {
      shared->frame.add(took);
      shared->frames++;
      shared->late += took > period;
      shared->very_late += took > 3 * period;
    }
    start += (took / period + 1) * period;
  }
}

void compositor(const Baton& present, std::uint64_t period) {
  prctl(PR_SET_NAME, "comp-main");
  for (;;) {
    present.take(&shared->compositor);
    work_us(period / 1000 * 3 / 100);
  }
}

void audio() {
  static Baton ask, answer;
  ask = Baton::make();
  answer = Baton::make();
  thread([] {
    prctl(PR_SET_NAME, "audio-client");
    for (;;) {
      ask.take(&shared->client);
      work_us(200);
      answer.pass();
    }
  });
  prctl(PR_SET_NAME, "audio-daemon");
  constexpr auto kPeriod = 5 * kMs;
  auto next = now_ns() + kPeriod;
  for (;;) {
    sleep_until(next);
    const auto woken = now_ns();
    if (measuring()) shared->audio.add(woken - next);
    ask.pass();
    answer.take(nullptr);
    work_us(100);
    const auto end = now_ns();
    if (measuring()) shared->xruns += end - next > kPeriod;
    next += ((end - next) / kPeriod + 1) * kPeriod;
  }
}

void hog(int kind) {
  for (;;) {
    loop(20000);
    shared->loops[kind].fetch_add(20000, std::memory_order_relaxed);
  }
}

void make() {
  for (;;) {
    const pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "game_load", "--nothing", nullptr);
      _exit(1);
    }
    waitpid(child, nullptr, 0);
    shared->forks++;
  }
}

void pipe_pair() {
  int there[2], back[2];
  if (pipe(there) || pipe(back)) _exit(1);
  char byte = 0;
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (read(there[0], &byte, 1) == 1) {
      loop(loops_per_ms / 50);
      if (write(back[1], &byte, 1) != 1) break;
    }
    _exit(0);
  }
  while (write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1) {
    loop(loops_per_ms / 50);
    shared->trips++;
  }
}

std::uint64_t context_switches() {
  std::FILE* file = std::fopen("/proc/stat", "re");
  char line[256];
  std::uint64_t value = 0;
  while (file && std::fgets(line, sizeof(line), file)) {
    unsigned long long number = 0;
    if (std::sscanf(line, "ctxt %llu", &number) == 1) value = number;
  }
  if (file) std::fclose(file);
  return value;
}

void print(const char* name, double value) { std::printf("%s %.3f\n", name, value); }

void print(const char* name, Series& series) {
  const auto n = std::min<std::size_t>(series.count, kSamples);
  std::sort(series.values, series.values + n);
  const auto at = [&](double fraction) -> double {
    return n == 0 ? 0 : series.values[std::min(n - 1, static_cast<std::size_t>(fraction * static_cast<double>(n)))];
  };
  std::printf("%s_us n %zu p50 %.0f p99 %.0f p99.9 %.0f max %.0f\n", name, n, at(0.5), at(0.99), at(0.999), at(1));
}

// Under an instruction clock the emulator leaves a CPU for the next only when a virtual timer is due, so interrupts and
// wake-ups wait for a millisecond or two. The RTC's periodic timer at 8192 Hz bounds that. Its interrupt is not wanted: where
// nobody listens it stays masked and costs the guest nothing. (Needs the emulator's `-rtc clock=vm`.)
void keep_clock_busy() {
  if (ioperm(0x70, 2, 1) != 0) {
    std::fprintf(stderr, "no access to the RTC: interrupts may wait a millisecond or two\n");
    return;
  }
  const auto read_register = [](unsigned char index) {
    outb(index, 0x70);
    return inb(0x71);
  };
  const auto write_register = [](unsigned char index, unsigned char value) {
    outb(index, 0x70);
    outb(value, 0x71);
  };
  write_register(0x0a, static_cast<unsigned char>((read_register(0x0a) & 0x70) | 3));  // 32768 Hz >> 2
  write_register(0x0b, static_cast<unsigned char>(read_register(0x0b) | 0x40));        // periodic
}

double cpu_seconds_of_ended() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  int seconds = 10;
  std::uint64_t hz = 60;
  bool alone = false;
  for (int i = 1; i < argc; i++) {
    const std::string option = argv[i];
    if (option == "--nothing") return 0;
    if (option == "--alone")
      alone = true;
    else if (option == "--hz" && i + 1 < argc)
      hz = static_cast<std::uint64_t>(std::max(1, std::atoi(argv[++i])));
    else
      seconds = std::max(1, std::atoi(argv[i]));
  }
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  shared = static_cast<Shared*>(memory);
  keep_clock_busy();
  const int cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  calibrate(cpus);

  const auto period = 1'000'000'000ULL / hz;
  const auto present = Baton::make();
  std::vector<pid_t> foreground, background;
  foreground.push_back(process("comp-main", [&] { compositor(present, period); }));
  foreground.push_back(process("audio-daemon", audio));
  foreground.push_back(process("game-main", [&] { game(period, present); }));
  if (!alone) {
    constexpr int kNice[] = {0, 5, 19};
    for (int i = 0; i < cpus * 3 / 2; i++)
      background.push_back(process("hog", [&] {
        setpriority(PRIO_PROCESS, 0, kNice[i % 3]);
        hog(i % 3);
      }));
    for (int i = 0; i < std::max(1, cpus / 4); i++) background.push_back(process("make", make));
    for (int i = 0; i < std::max(1, cpus / 4); i++) background.push_back(process("pipes", pipe_pair));
  }

  sleep(2);  // let behaviour be known, and what starting it all cost be over
  const auto loops = [&](int kind) { return static_cast<double>(shared->loops[kind]); };
  const double before[] = {loops(0), loops(1), loops(2)};
  const auto forks = shared->forks.load(), trips = shared->trips.load();
  const auto switches = context_switches();
  const auto begin = now_ns();
  shared->measuring = true;
  sleep_until(begin + static_cast<std::uint64_t>(seconds) * 1000 * kMs);
  shared->measuring = false;
  const auto wall = static_cast<double>(now_ns() - begin) / 1e9;
  const auto switched = context_switches() - switches;
  double hogs[3], all_hogs = 0;
  for (int kind = 0; kind < 3; kind++) {
    hogs[kind] = (loops(kind) - before[kind]) / static_cast<double>(loops_per_ms) / wall / 1000;
    all_hogs += hogs[kind];
  }

  print("fps", static_cast<double>(shared->frames) / wall);
  print("late_percent", shared->frames ? 100.0 * static_cast<double>(shared->late) / static_cast<double>(shared->frames) : 100);
  print("two_periods_late", static_cast<double>(shared->very_late));
  print("frame", shared->frame);
  print("audio", shared->audio);
  print("audio_client", shared->client);
  print("xruns", static_cast<double>(shared->xruns));
  print("worker", shared->worker);
  print("render", shared->render);
  print("compositor", shared->compositor);
  if (!alone) {
    print("hog_cpus", all_hogs);
    print("nice0_to_nice5", hogs[1] > 0 ? hogs[0] / hogs[1] : 0);
    print("nice0_to_nice19", hogs[2] > 0 ? hogs[0] / hogs[2] : 0);
    print("forks_per_s", static_cast<double>(shared->forks - forks) / wall);
    print("trips_per_s", static_cast<double>(shared->trips - trips) / wall);
  }
  print("switches_per_s", static_cast<double>(switched) / wall);
  for (const auto pid : background) kill(pid, SIGKILL);
  for (const auto pid : background) waitpid(pid, nullptr, 0);
  const double background_cpu = cpu_seconds_of_ended();
  for (const auto pid : foreground) kill(pid, SIGKILL);
  for (const auto pid : foreground) waitpid(pid, nullptr, 0);
  print("background_cpus", background_cpu / (wall + 2));
  print("foreground_cpus", (cpu_seconds_of_ended() - background_cpu) / (wall + 2));
  print("loops_per_ms", static_cast<double>(loops_per_ms));
  return 0;
}
