// SPDX-License-Identifier: GPL-2.0-only
#include "core/engine/supervisor.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using vigil::Rung;

namespace {
std::uint64_t at(std::chrono::nanoseconds t) { return static_cast<std::uint64_t>(t.count()); }
}  // namespace

TEST_CASE("supervisor: waits 1, 5, then 30 minutes for the full policy") {
  vigil::Supervisor supervisor;
  CHECK(supervisor.ejected(at(1h), Rung::full, true).full_after == 1min);
  CHECK(supervisor.ejected(at(1h + 20min), Rung::full, true).full_after == 5min);
  CHECK(supervisor.ejected(at(1h + 40min), Rung::full, true).full_after == 30min);
  CHECK(supervisor.ejected(at(1h + 80min), Rung::full, true).full_after == 30min);
}

TEST_CASE("supervisor: one rung down by its own fault, to the kernel's scheduler by somebody's wish") {
  vigil::Supervisor supervisor;
  CHECK(supervisor.ejected(at(1h), Rung::full, true).next == Rung::plain);
  CHECK(supervisor.ejected(at(1h + 20min), Rung::plain, true).next == Rung::kernel);
  CHECK(supervisor.ejected(at(1h + 40min), Rung::full, false).next == Rung::kernel);
}

TEST_CASE("supervisor: the third ejection within ten minutes is the last, until a person resets it") {
  vigil::Supervisor supervisor;
  CHECK(supervisor.ejected(at(1min), Rung::full, true).full_after == 1min);
  CHECK(supervisor.ejected(at(3min), Rung::full, true).full_after == 5min);
  const auto last = supervisor.ejected(at(10min), Rung::full, true);
  CHECK_FALSE(last.full_after);
  CHECK(last.next == Rung::plain);  // the plain policy stays as long as it holds
  CHECK_FALSE(supervisor.ejected(at(11min), Rung::plain, true).full_after);
  supervisor.reset();
  CHECK(supervisor.ejected(at(12min), Rung::full, true).full_after == 1min);
  CHECK(supervisor.ejections() == 5);
}

TEST_CASE("supervisor: what happened two hours ago is forgotten") {
  vigil::Supervisor supervisor;
  CHECK(supervisor.ejected(at(1min), Rung::full, true).full_after == 1min);
  CHECK(supervisor.ejected(at(3h), Rung::full, true).full_after == 1min);
}

TEST_CASE("supervisor: the first wait can be chosen, the others follow it") {
  vigil::Supervisor supervisor(10s);
  CHECK(supervisor.ejected(at(1h), Rung::full, true).full_after == 10s);
  CHECK(supervisor.ejected(at(1h + 20min), Rung::full, true).full_after == 50s);
}
