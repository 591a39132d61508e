// SPDX-License-Identifier: GPL-2.0-only
//
// Service across last-level caches (bpf/policy/balance.h), compiled for the host.
#include "policy/balance.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr std::uint64_t kOne = VIGIL_SHARE_ONE, kMs = 1'000'000;

struct Task {
  std::uint32_t share = kOne;
  std::size_t cache = 0;
  double ran = 0, vtime = 0;  // vtime: beside the clock of its cache
};

// Two caches that serve the task furthest behind on each CPU, and compare each 10 ms, as sched.bpf.c does.
struct Machine {
  std::uint32_t cpus[2];
  std::vector<Task> tasks;
  std::uint64_t turn[2] = {};

  std::uint64_t load(std::size_t cache) const {
    std::uint64_t sum = 0;
    for (const auto& task : tasks) sum += task.cache == cache ? task.share : 0;
    return sum;
  }
  std::vector<Task*> by_turn(std::size_t cache) {
    std::vector<Task*> out;
    for (auto& task : tasks)
      if (task.cache == cache) out.push_back(&task);
    std::sort(out.begin(), out.end(), [](const Task* a, const Task* b) { return a->vtime < b->vtime; });
    return out;
  }
  void run(int steps) {
    for (int step = 0; step < steps; step++) {
      for (std::size_t cache = 0; cache < 2; cache++) {
        auto order = by_turn(cache);
        const auto all = std::max<std::uint64_t>(load(cache), 1);
        const auto running = std::min<std::size_t>(order.size(), cpus[cache]);
        const double clock = static_cast<double>(running * kMs * kOne) / static_cast<double>(all);
        for (auto* task : order) task->vtime -= clock;
        for (std::size_t i = 0; i < running; i++) {
          order[i]->ran += 1;
          order[i]->vtime += static_cast<double>(kMs * kOne) / order[i]->share;
        }
        turn[cache] += static_cast<std::uint64_t>(clock);
        if (step % 10) continue;
        const auto other = 1 - cache;
        auto waiting = by_turn(other);
        if (waiting.size() <= cpus[other]) {
          turn[other] = vigil_later(turn[other], turn[cache]);
          continue;
        }
        auto* next = waiting[cpus[other]];
        const auto ahead = vigil_turn_ahead(turn[cache], turn[other]);
        if (!vigil_move_evens(load(cache), cpus[cache], load(other), cpus[other], next->share) &&
            !vigil_turn_calls(ahead, load(cache), cpus[cache], load(other), cpus[other]))
          continue;
        next->cache = cache;
        next->vtime -= static_cast<double>(ahead);
      }
    }
  }
  // Service by share of the best beside that of the worst.
  double spread() const {
    const auto [least, most] = std::minmax_element(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) {
      return a.ran * b.share < b.ran * a.share;
    });
    return most->ran / most->share / (least->ran / least->share);
  }
};

}  // namespace

TEST_CASE("balance: a task is taken if both are more equal afterwards") {
  CHECK(vigil_move_evens(2 * kOne, 4, 6 * kOne, 4, kOne));
  CHECK(vigil_move_evens(2 * kOne, 4, 6 * kOne, 4, 3 * kOne));
  CHECK_FALSE(vigil_move_evens(2 * kOne, 4, 6 * kOne, 4, 4 * kOne));
  CHECK_FALSE(vigil_move_evens(3 * kOne, 4, 4 * kOne, 4, kOne));
  CHECK_FALSE(vigil_move_evens(4 * kOne, 4, 3 * kOne, 4, kOne));
  CHECK_FALSE(vigil_move_evens(4 * kOne, 2, 8 * kOne, 4, kOne));
  CHECK(vigil_move_evens(3 * kOne, 2, 12 * kOne, 4, kOne));
}

TEST_CASE("turn: only who is ahead and has less to do takes one over") {
  CHECK(vigil_turn_ahead(50 * kMs, 20 * kMs) == 30 * kMs);
  CHECK(vigil_turn_ahead(20 * kMs, 50 * kMs) == 0);
  CHECK(vigil_turn_ahead(900 * kMs, 20 * kMs) == VIGIL_TURN_MOST);
  CHECK(vigil_turn_calls(30 * kMs, 2 * kOne, 1, 3 * kOne, 1));
  CHECK_FALSE(vigil_turn_calls(30 * kMs, 3 * kOne, 1, 3 * kOne, 1));
  CHECK_FALSE(vigil_turn_calls(5 * kMs, 2 * kOne, 1, 3 * kOne, 1));
  // On a slow clock little means much.
  CHECK(vigil_turn_calls(5 * kMs, 20 * kOne, 1, 30 * kOne, 1));
}

TEST_CASE("balance: what cannot be divided evenly takes turns") {
  Machine three{{1, 1}, {{}, {}, {}}};
  three.run(10'000);
  CHECK(three.spread() < 1.03);

  Machine nice{{4, 4}, {}};
  for (int i = 0; i < 8; i++) nice.tasks.push_back({kOne, static_cast<std::size_t>(i % 2)});
  for (int i = 0; i < 7; i++) nice.tasks.push_back({static_cast<std::uint32_t>(kOne * 335 / 1024), static_cast<std::size_t>(i > 1)});
  nice.run(10'000);
  CHECK(nice.spread() < 1.1);

  Machine uneven{{2, 6}, {}};
  for (int i = 0; i < 11; i++) uneven.tasks.push_back({static_cast<std::uint32_t>(i % 2 ? kOne : 2 * kOne), 0});
  uneven.run(10'000);
  CHECK(uneven.spread() < 1.1);
}
