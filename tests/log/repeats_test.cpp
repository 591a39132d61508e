// SPDX-License-Identifier: GPL-2.0-only
#include "log/repeats.hpp"

#include <doctest/doctest.h>

using vigil::log::Repeats;

namespace {
constexpr std::uint64_t kSecond = 1'000'000'000;
}

TEST_CASE("repeats: ten are shown, the rest of the window is counted and told once afterwards") {
  Repeats repeats;
  int shown = 0;
  for (int i = 0; i < 25; ++i)
    shown += repeats.admit("lost {}", "lost " + std::to_string(i), i * kSecond / 10);
  CHECK(shown == 10);
  CHECK(repeats.take_over(9 * kSecond).empty());

  const auto over = repeats.take_over(11 * kSecond);
  REQUIRE(over.size() == 1);
  CHECK(over[0].count == 15);
  CHECK(over[0].last == "lost 24");
  CHECK(repeats.take_over(12 * kSecond).empty());
  CHECK(repeats.admit("lost {}", "lost 26", 12 * kSecond));
}

TEST_CASE("repeats: a storm of one message does not hold back another") {
  Repeats repeats;
  for (int i = 0; i < 100; ++i) (void)repeats.admit("storm", "storm", 0);
  CHECK(repeats.admit("calm", "calm", 0));
}

TEST_CASE("repeats: the table of messages is bounded, and too many different ones are all shown") {
  Repeats repeats;
  for (std::size_t i = 0; i < Repeats::kMaxKeys * 4; ++i) CHECK(repeats.admit(std::to_string(i), "x", 0));
  for (int i = 0; i < 20; ++i) CHECK(repeats.admit("one too many", "x", 0));
}

TEST_CASE("repeats: at the end everything still held is told") {
  Repeats repeats;
  for (int i = 0; i < 12; ++i) (void)repeats.admit("a", "a", 0);
  const auto rest = repeats.take_all();
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].count == 2);
  CHECK(repeats.take_all().empty());
}
