// SPDX-License-Identifier: GPL-2.0-only
//
// From an exec to the daemon: when its callback has the record, and when a verdict of its own (after reading
// /proc) is in force. At 200 exec/s on the machine as it is, and the same under a fork+exec storm on every
// CPU.
//
//   latency_bench LOAD [SECONDS]
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>

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

constexpr const char* kRules = R"([[rule]]
name = "news"
class = "latency"
exe = "bench-news"

[[rule]]
name = "asked"
class = "gaming"
exe = "bench-asked"
refine = true
)";

void one(const char* title, Classifier& classifier, const std::string& asked,
         const std::vector<std::vector<std::string>>& storm, int seconds) {
  const auto lost_before = classifier.counters().lost_gen;
  Reader reader(classifier, "bench-asked");
  std::vector<Child> storms;
  for (const auto& arguments : storm) storms.push_back(start(arguments, environment(20)));

  const auto environment = bench::environment(20);
  struct Alive {
    Child child;
    std::uint64_t until;
  };
  std::deque<Alive> alive;
  std::size_t asked_count = 0, wrong = 0;
  const auto end_of = [&](Alive& one) {
    const auto verdict = classifier.verdict(static_cast<std::uint32_t>(one.child.pid));
    wrong += !verdict || verdict->klass != VIGIL_CLASS_INTERACTIVE;
    finish(std::move(one.child));
  };
  const auto begin = monotonic_now(), end = begin + static_cast<std::uint64_t>(seconds) * 1'000'000'000;
  for (auto next = begin; next < end; next += kPeriod) {
    const timespec ts{static_cast<time_t>(next / 1'000'000'000), static_cast<long>(next % 1'000'000'000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, nullptr) == EINTR) {
    }
    alive.push_back({start({asked, "hold"}, environment), monotonic_now() + kLife});
    ++asked_count;
    while (!alive.empty() && alive.front().until < monotonic_now()) {
      end_of(alive.front());
      alive.pop_front();
    }
  }
  const auto wall = static_cast<double>(monotonic_now() - begin) / 1e9;
  for (auto& one : alive) {
    while (monotonic_now() < one.until) {
      const timespec ts{0, 1'000'000};
      nanosleep(&ts, nullptr);
    }
    end_of(one);
  }
  double storm_execs = 0;
  for (auto& child : storms) storm_execs += std::atof(finish(std::move(child)).c_str());
  const auto samples = reader.stop();
  std::printf("%s: %.0f exec/s asked about, %.0f exec/s beside them, %zu records, %zu lost, %zu resyncs\n",
              title, static_cast<double>(asked_count) / wall, storm_execs / seconds,
              static_cast<std::size_t>(samples.records),
              static_cast<std::size_t>(classifier.counters().lost_gen - lost_before),
              static_cast<std::size_t>(samples.resyncs));
  std::printf("  to the callback:          %s\n", tail(samples.called).c_str());
  std::printf("  refined, verdict in force: %s\n", tail(samples.in_force).c_str());
  std::printf("  without the refined verdict %.0f ms after their exec: %zu of %zu\n", kLife / 1e6, wrong,
              asked_count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) fatal("usage: latency_bench LOAD [SECONDS]");
  begin("latency");
  const int seconds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 20;
  Scratch scratch;
  const auto asked = scratch.copy(argv[1], "bench-asked"), news = scratch.copy(argv[1], "bench-news"),
             plain = scratch.copy(argv[1], "bench-plain");
  auto classifier = must(Classifier::load({}));
  must(classifier.install_rules(wire::encode(compile({{"latency.toml", kRules, 0}}))));
  must(classifier.attach());
  classifier.enable();

  const auto for_seconds = std::to_string(seconds + 1);
  std::vector<std::vector<std::string>> storm;
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  for (long i = 0; i < cpus; ++i) {
    storm.push_back({plain, "storm", for_seconds, plain});
    storm.push_back({plain, "storm", for_seconds, news});
  }
  one("as it is", classifier, asked, {}, seconds);
  one("under a storm, half of it news", classifier, asked, storm, seconds);
  return 0;
}
