// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler's arithmetic (bpf/policy), compiled for the host.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "policy/burst.h"
#include "policy/deadline.h"
#include "policy/share.h"

namespace {

constexpr std::uint64_t kMs = 1'000'000;

// One CPU, tasks that never sleep, `slice` of service at a time to whoever is due first.
struct Task {
  std::uint32_t share;
  std::uint64_t request;
  std::uint64_t vtime = 0, deadline = 0, due = 0, ran = 0, queued_at = 0, longest_wait = 0;
};

struct Machine {
  static constexpr std::uint64_t kWait = 400 * kMs;
  std::uint64_t clock = 0, now = 1'000'000 * kMs;
  std::vector<Task> tasks;

  std::uint64_t spread() const {
    std::uint64_t load = 0;
    for (const auto& task : tasks) load += task.share;
    return vigil_spread(load, 1);
  }

  void queue(Task& task) {
    if (task.deadline == 0 || !vigil_before(task.vtime, task.deadline)) {
      task.vtime = vigil_earlier(task.vtime, clock + vigil_bound(kWait, spread()));
      task.deadline = vigil_deadline(task.vtime, task.request, task.share);
    }
    task.due = vigil_due(now, task.deadline, clock, spread(), kWait);
    task.queued_at = now;
  }

  void add(std::uint32_t share, std::uint64_t request) {
    tasks.push_back({share, request, clock});
    queue(tasks.back());
  }

  void run(std::uint64_t for_ns, std::uint64_t slice) {
    for (const auto end = now + for_ns; now < end;) {
      auto& next = *std::min_element(tasks.begin(), tasks.end(), [](auto& a, auto& b) { return a.due < b.due; });
      next.longest_wait = std::max(next.longest_wait, now - next.queued_at);
      now += slice;
      next.vtime += vigil_virtual(slice, next.share);
      next.ran += slice;
      clock += vigil_clock_step(slice, spread() * VIGIL_SHARE_ONE / VIGIL_SPREAD_ONE);
      queue(next);
    }
  }
};

std::uint32_t nice(int value, std::uint32_t class_share = 1024) {
  return vigil_share(vigil_nice_weight(120 + value, 0), class_share);
}

}  // namespace

TEST_CASE("share: a step of nice is a factor of 1.25, and a half of the smallest is still a number") {
  CHECK(nice(0) == VIGIL_SHARE_ONE);
  for (int value = -20; value < 19; value++) {
    const double ratio = static_cast<double>(nice(value)) / nice(value + 1);
    CHECK(ratio > 1.15);
    CHECK(ratio < 1.35);
  }
  CHECK(nice(19, 512) * 2 == nice(19));
  CHECK(vigil_share(VIGIL_IDLE_POLICY_WEIGHT, 1) >= 1);
  CHECK(vigil_nice_weight(120, 1) == VIGIL_IDLE_POLICY_WEIGHT);
  CHECK(vigil_nice_weight(0, 0) == 1024);     // a real-time task's static_prio: out of the table
  CHECK(vigil_nice_weight(5000, 0) == 1024);
}

TEST_CASE("virtual time: comparisons survive the wrap") {
  const std::uint64_t almost = ~0ULL - 5;
  CHECK(vigil_before(almost, almost + 10));
  CHECK(!vigil_before(almost + 10, almost));
  CHECK(vigil_later(almost, almost + 10) == almost + 10);
  CHECK(vigil_earlier(almost, almost + 10) == almost);
}

TEST_CASE("deadline: service goes by nice value, whatever the requests are") {
  Machine machine;
  machine.add(nice(0), 3 * kMs);
  machine.add(nice(5), 3 * kMs);
  machine.add(nice(0), 8 * kMs);
  machine.add(nice(5), 1 * kMs);
  machine.run(10'000 * kMs, 500'000);
  const auto ratio = [&](int a, int b) {
    return static_cast<double>(machine.tasks[static_cast<std::size_t>(a)].ran) /
           static_cast<double>(machine.tasks[static_cast<std::size_t>(b)].ran);
  };
  CHECK(ratio(0, 1) > 3.06 * 0.95);
  CHECK(ratio(0, 1) < 3.06 * 1.05);
  CHECK(ratio(2, 3) > 3.06 * 0.95);
  CHECK(ratio(2, 3) < 3.06 * 1.05);
  CHECK(ratio(0, 2) > 0.95);
  CHECK(ratio(0, 2) < 1.05);
}

TEST_CASE("deadline: the least of all still runs within the bound beside heavy ones") {
  Machine machine;
  for (int i = 0; i < 20; i++) machine.add(nice(-20), 3 * kMs);
  machine.add(vigil_share(VIGIL_IDLE_POLICY_WEIGHT, 512), 6 * kMs);
  machine.run(10'000 * kMs, 1 * kMs);
  CHECK(machine.tasks.back().ran > 0);
  CHECK(machine.tasks.back().longest_wait < 600 * kMs);
}

TEST_CASE("deadline: who queued when little was asked for is not forgotten when heavy ones come") {
  Machine machine;
  machine.add(nice(19), 3 * kMs);
  machine.add(nice(0), 3 * kMs);
  machine.run(100 * kMs, 4 * kMs);
  for (int i = 0; i < 20; i++) {
    machine.add(nice(-20), 3 * kMs);
    machine.run(300 * kMs, 4 * kMs);
  }
  CHECK(machine.tasks[0].longest_wait < 600 * kMs);
  CHECK(machine.tasks[1].longest_wait < 600 * kMs);
  // ... and what they had beyond their share is no debt for life once the heavy ones are gone.
  machine.tasks.resize(2);
  const auto before = machine.tasks[0].ran;
  machine.run(3'000 * kMs, 4 * kMs);
  CHECK(machine.tasks[0].ran > before);
  CHECK(machine.tasks[0].longest_wait < 600 * kMs);
}

TEST_CASE("spread: a clock that nobody waits on runs with real time, a crowded one slower") {
  CHECK(vigil_spread(2 * VIGIL_SHARE_ONE, 4) == VIGIL_SPREAD_ONE);
  CHECK(vigil_spread(8 * VIGIL_SHARE_ONE, 4) == 2 * VIGIL_SPREAD_ONE);
  CHECK(vigil_spread(0, 0) == VIGIL_SPREAD_ONE);
  CHECK(vigil_bound(400 * kMs, 2 * VIGIL_SPREAD_ONE) == 200 * kMs);
  CHECK(vigil_bound(400 * kMs, vigil_spread(100'000ULL * VIGIL_SHARE_ONE, 1024)) > 3 * kMs);
}

TEST_CASE("due: in real time, within the bounds on both sides") {
  const std::uint64_t now = 5'000 * kMs, clock = 777 * kMs;
  CHECK(vigil_due(now, clock + 3 * kMs, clock, 2 * VIGIL_SPREAD_ONE, 400 * kMs) == now + 6 * kMs);
  CHECK(vigil_due(now, clock - 3 * kMs, clock, 2 * VIGIL_SPREAD_ONE, 400 * kMs) == now - 6 * kMs);
  CHECK(vigil_due(now, clock + 900 * kMs, clock, VIGIL_SPREAD_ONE, 400 * kMs) == now + 400 * kMs);
  CHECK(vigil_due(now, clock - 900 * kMs, clock, VIGIL_SPREAD_ONE, 400 * kMs) == now - 100 * kMs);
  CHECK(vigil_due(now, clock + (1ULL << 50), clock, 1ULL << 28, 400 * kMs) == now + 400 * kMs);
  CHECK(vigil_due(now, clock - (1ULL << 50), clock, 1ULL << 28, 400 * kMs) == now - 100 * kMs);
}

TEST_CASE("rejoin: sleep is no licence, and debt is kept unless it is forgiven") {
  const std::uint64_t clock = 1'000 * kMs;
  CHECK(vigil_rejoin(0, clock, 3 * kMs, 50 * kMs, 0) == clock - 3 * kMs);
  CHECK(vigil_rejoin(clock - kMs, clock, 3 * kMs, 50 * kMs, 0) == clock - kMs);
  CHECK(vigil_rejoin(clock + 20 * kMs, clock, 3 * kMs, 50 * kMs, 0) == clock + 20 * kMs);
  CHECK(vigil_rejoin(clock + 90 * kMs, clock, 3 * kMs, 50 * kMs, 0) == clock + 50 * kMs);
  CHECK(vigil_rejoin(clock + 20 * kMs, clock, 3 * kMs, 50 * kMs, 1) == clock);
}

TEST_CASE("clock: it is where a task with share one would be, and stands still for nobody") {
  CHECK(vigil_clock_step(10 * kMs, 5 * VIGIL_SHARE_ONE) == 2 * kMs);
  CHECK(vigil_clock_step(10 * kMs, 0) > 0);
  CHECK(vigil_virtual(kMs, 0) > 0);
}

TEST_CASE("clock: it stays the weighted mean of all vtimes, whoever comes, runs and goes") {
  std::vector<Task> tasks;
  std::uint64_t clock = 500 * kMs, load = 0;
  std::uint64_t random = 12345;
  const auto next = [&] { return random = random * 6364136223846793005ULL + 1442695040888963407ULL, random >> 33; };
  for (int step = 0; step < 5000; step++) {
    if (tasks.size() < 3 || next() % 3 == 0) {
      Task task{nice(static_cast<int>(next() % 30) - 10), 3 * kMs};
      task.vtime = clock + next() % (20 * kMs) - 10 * kMs;
      load += task.share;
      clock += static_cast<std::uint64_t>(vigil_clock_shift(task.vtime, clock, task.share, load));
      tasks.push_back(task);
    } else if (tasks.size() > 12 || next() % 3 == 0) {
      const auto task = tasks.back();
      tasks.pop_back();
      load -= task.share;
      clock -= static_cast<std::uint64_t>(vigil_clock_shift(task.vtime, clock, task.share, load));
    } else {
      auto& task = tasks[next() % tasks.size()];
      const auto ran = next() % (4 * kMs);
      task.vtime += vigil_virtual(ran, task.share);
      clock += vigil_clock_step(ran, load);
    }
    double mean = 0;
    for (const auto& task : tasks)
      mean += static_cast<double>(static_cast<std::int64_t>(task.vtime - clock)) * task.share / static_cast<double>(load);
    CHECK(std::abs(mean) < 0.1 * kMs);
  }
  CHECK(vigil_clock_shift(clock + kMs, clock, 5, 0) == 0);
}

TEST_CASE("request: the least ask for what they are due within the bound, nobody for less than half a millisecond") {
  CHECK(vigil_request(3 * kMs, nice(0), 200 * kMs) == 3 * kMs);
  CHECK(vigil_request(3 * kMs, nice(19), 400 * kMs) == 3 * kMs);
  CHECK(vigil_request(3 * kMs, nice(19), 100 * kMs) < 3 * kMs / 2);
  CHECK(vigil_request(3 * kMs, 1, 100 * kMs) == kMs / 2);
}

TEST_CASE("a CPU's share: who is due more than one gets what one is worth, but is not thrown past the clock") {
  constexpr std::uint32_t one = VIGIL_SHARE_ONE;
  // 10 beside 6 on four CPUs: it runs all the time with 2, and the others have the other three.
  CHECK(vigil_share_of_a_cpu(10 * one, 6 * one, 4, 3 * kMs, 50 * kMs) == 2 * one);
  CHECK(vigil_share_of_a_cpu(one, 6 * one, 4, 3 * kMs, 50 * kMs) == one);
  CHECK(vigil_share_of_a_cpu(10 * one, 6 * one, 1, 3 * kMs, 50 * kMs) == 10 * one);
  // beside almost nobody
  CHECK(vigil_share_of_a_cpu(10 * one, 1, 4, 3 * kMs, 30 * kMs) == one / 10);
  CHECK(vigil_share_of_a_cpu(10 * one, 0, 4, 3 * kMs, 30 * kMs) == one / 10);
}

TEST_CASE("burst: it takes several sleeps to be believed, in either direction") {
  constexpr std::uint32_t kShort = kMs;
  std::uint32_t average = 3 * kMs;
  auto behaviour = vigil_behaviour(VIGIL_BEHAVES_MIXED, average, 0, kShort);
  CHECK(behaviour == VIGIL_BEHAVES_MIXED);
  int sleeps = 0;
  while (behaviour != VIGIL_BEHAVES_SHORT && sleeps < 100) {
    average = vigil_burst_average(average, 200'000, kShort);
    behaviour = vigil_behaviour(behaviour, average, 0, kShort);
    sleeps++;
  }
  CHECK(sleeps >= 5);
  CHECK(sleeps <= 20);
  // One long burst does not undo it, many do.
  average = vigil_burst_average(average, 9 * kMs, kShort);
  CHECK(vigil_behaviour(behaviour, average, 0, kShort) == VIGIL_BEHAVES_SHORT);
  for (int i = 0; i < 30; i++) average = vigil_burst_average(average, 30 * kMs, kShort);
  behaviour = vigil_behaviour(behaviour, average, 0, kShort);
  CHECK(behaviour == VIGIL_BEHAVES_HOG);
  average = vigil_burst_average(average, 100'000, kShort);
  CHECK(vigil_behaviour(behaviour, average, 0, kShort) == VIGIL_BEHAVES_HOG);
}

TEST_CASE("burst: who never sleeps is a hog before its first sleep, and a day of work is forgotten in a second") {
  constexpr std::uint32_t kShort = kMs;
  CHECK(vigil_behaviour(VIGIL_BEHAVES_SHORT, 0, 17 * kMs, kShort) == VIGIL_BEHAVES_HOG);
  CHECK(vigil_behaviour(VIGIL_BEHAVES_SHORT, 0, 15 * kMs, kShort) == VIGIL_BEHAVES_SHORT);
  std::uint32_t average = vigil_burst_average(0, 86'400'000 * kMs, kShort);
  CHECK(average <= 4 * kMs);
}
