// SPDX-License-Identifier: GPL-2.0-only
//
// From an exec to the daemon: when its callback has the record, and when a verdict of its own (after reading
// /proc) is in force. At 200 exec/s on the machine as it is, and the same under a fork+exec storm on every
// CPU.
//
//   latency_bench LOAD [SECONDS]
#include <bpf/bpf.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>

#include "base/clock.hpp"
#include "edge/kernel/classifier.hpp"
#include "figures.hpp"
#include "machine.hpp"
#include "reader.hpp"
#include "rule_sets.hpp"

using namespace vigil;
using namespace vigil::bench;

namespace {

constexpr std::uint64_t kPeriod = 5'000'000;  // 200 a second
constexpr std::uint64_t kLife = 100'000'000;  // how long each lives: the daemon reads its /proc

constexpr const char* kNews = R"([[rule]]
name = "news"
class = "latency"
exe = "bench-news"
)";
// The benchmark's reader makes it `interactive`.
constexpr const char* kAsked = R"(
[[rule]]
name = "asked"
class = "gaming"
exe = "bench-asked"
refine = true
)";
// Only user space knows a path.
constexpr const char* kAskedOfDaemon = R"(
[[rule]]
name = "asked"
class = "interactive"
exe = "bench-asked"
exe_path = "/tmp/*/bench-asked"
)";

using OnVerdict = std::function<void(const std::optional<vigil_verdict>&)>;

struct Driven {
  double asked_per_second = 0, storm_per_second = 0;
  std::size_t asked = 0;
};

// 200 times a second a process that the daemon is to look closer at; each is looked at when it is kLife old,
// and ended.
Driven drive(const std::string& asked, const std::vector<std::vector<std::string>>& storm, int seconds,
             const std::function<std::optional<vigil_verdict>(std::uint32_t)>& verdict_of,
             const OnVerdict& on_verdict) {
  std::vector<Child> storms;
  for (const auto& arguments : storm) storms.push_back(start(arguments, environment(20)));

  const auto environment = bench::environment(20);
  struct Alive {
    Child child;
    std::uint64_t until;
  };
  std::deque<Alive> alive;
  Driven out;
  const auto end_of_first = [&] {
    on_verdict(verdict_of(static_cast<std::uint32_t>(alive.front().child.pid)));
    finish(std::move(alive.front().child));
    alive.pop_front();
  };
  const auto begin = monotonic_now(), end = begin + static_cast<std::uint64_t>(seconds) * 1'000'000'000;
  for (auto next = begin; next < end; next += kPeriod) {
    const timespec ts{static_cast<time_t>(next / 1'000'000'000), static_cast<long>(next % 1'000'000'000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, nullptr) == EINTR) {
    }
    alive.push_back({start({asked, "hold"}, environment), monotonic_now() + kLife});
    ++out.asked;
    while (!alive.empty() && alive.front().until < monotonic_now()) end_of_first();
  }
  out.asked_per_second =
      static_cast<double>(out.asked) / (static_cast<double>(monotonic_now() - begin) / 1e9);
  while (!alive.empty()) {
    while (monotonic_now() < alive.front().until) {
      const timespec ts{0, 1'000'000};
      nanosleep(&ts, nullptr);
    }
    end_of_first();
  }
  for (auto& child : storms) out.storm_per_second += std::atof(finish(std::move(child)).c_str()) / seconds;
  return out;
}

void by_reader(const char* title, Classifier& classifier, const std::string& asked,
               const std::vector<std::vector<std::string>>& storm, int seconds) {
  const auto lost_before = classifier.counters().lost_gen;
  Reader reader(classifier, "bench-asked");
  std::size_t without = 0;
  const auto driven = drive(
      asked, storm, seconds, [&](std::uint32_t pid) { return classifier.verdict(pid); },
      [&](const auto& verdict) { without += !verdict || verdict->klass != VIGIL_CLASS_INTERACTIVE; });
  const auto samples = reader.stop();
  std::printf("%s: %.0f exec/s asked about, %.0f exec/s beside them, %zu records, %zu lost, %zu resyncs\n",
              title, driven.asked_per_second, driven.storm_per_second,
              static_cast<std::size_t>(samples.records),
              static_cast<std::size_t>(classifier.counters().lost_gen - lost_before),
              static_cast<std::size_t>(samples.resyncs));
  std::printf("  to the callback:           %s\n", tail(samples.called).c_str());
  std::printf("  refined, verdict in force: %s\n", tail(samples.in_force).c_str());
  std::printf("  without the refined verdict %.0f ms after their exec: %zu of %zu\n", kLife / 1e6, without,
              driven.asked);
}

void by_daemon(const char* title, const std::string& scx_vigil, const std::string& rules,
               const std::string& asked, const std::vector<std::vector<std::string>>& storm, int seconds) {
  Daemon daemon(scx_vigil, {"--rules", rules});
  const auto tasks = map_of(daemon.pid(), "tasks");
  bpf_map_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(tasks.get(), &info, &size) < 0) fatal("cannot read the daemon's map of tasks");
  std::vector<char> value(info.value_size);
  std::vector<double> in_force;
  std::size_t without = 0;
  const auto driven = drive(
      asked, storm, seconds,
      [&](std::uint32_t pid) -> std::optional<vigil_verdict> {
        const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
        const int key = pidfd.get();
        vigil_verdict verdict{};
        if (bpf_map_lookup_elem(tasks.get(), &key, value.data()) < 0) return std::nullopt;
        std::memcpy(&verdict, value.data(), sizeof(verdict));
        return verdict;
      },
      [&](const auto& verdict) {
        if (verdict && verdict->klass == VIGIL_CLASS_INTERACTIVE && verdict->cause == VIGIL_EV_ASSIGN)
          in_force.push_back(static_cast<double>(verdict->decided_ns - verdict->event_ns));
        else
          ++without;
      });
  std::printf("%s: %.0f exec/s asked about, %.0f exec/s beside them\n", title, driven.asked_per_second,
              driven.storm_per_second);
  std::printf("  refined, verdict in force: %s\n", tail(in_force).c_str());
  std::printf("  without the refined verdict %.0f ms after their exec: %zu of %zu\n", kLife / 1e6, without,
              driven.asked);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) fatal("usage: latency_bench LOAD SCX_VIGIL [SECONDS]");
  begin("latency");
  const int seconds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 20;
  Scratch scratch, rules;
  const auto asked = scratch.copy(argv[1], "bench-asked"), news = scratch.copy(argv[1], "bench-news"),
             plain = scratch.copy(argv[1], "bench-plain");
  const auto for_seconds = std::to_string(seconds + 1);
  std::vector<std::vector<std::string>> storm;
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  for (long i = 0; i < cpus; ++i) {
    storm.push_back({plain, "storm", for_seconds, plain});
    storm.push_back({plain, "storm", for_seconds, news});
  }
  {
    auto classifier = must(Classifier::load({}));
    must(classifier.install_rules(wire::encode(compile({{"latency.toml", std::string(kNews) + kAsked, 0}}))));
    must(classifier.attach());
    classifier.enable();
    by_reader("as it is, own reader", classifier, asked, {}, seconds);
    by_reader("under a storm, half of it news, own reader", classifier, asked, storm, seconds);
  }
  std::ofstream(rules.path() + "/latency.toml") << kNews << kAskedOfDaemon << std::flush;
  by_daemon("as it is, real daemon", argv[2], rules.path(), asked, {}, seconds);
  by_daemon("under a storm, half of it news, real daemon", argv[2], rules.path(), asked, storm, seconds);
  return 0;
}
