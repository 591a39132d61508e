// SPDX-License-Identifier: GPL-2.0-only
#include "core/engine/supervisor.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace {
std::uint64_t at(std::chrono::nanoseconds t) { return static_cast<std::uint64_t>(t.count()); }
}  // namespace

TEST_CASE("supervisor: waits 1, 5, then 30 minutes") {
  vigil::Supervisor supervisor;
  CHECK(supervisor.ejected(at(1h)) == 1min);
  CHECK(supervisor.ejected(at(1h + 20min)) == 5min);
  CHECK(supervisor.ejected(at(1h + 40min)) == 30min);
  CHECK(supervisor.ejected(at(1h + 80min)) == 30min);
}

TEST_CASE("supervisor: the third ejection within ten minutes is the last, until a person resets it") {
  vigil::Supervisor supervisor;
  CHECK(supervisor.ejected(at(1min)) == 1min);
  CHECK(supervisor.ejected(at(3min)) == 5min);
  CHECK_FALSE(supervisor.ejected(at(10min)));
  CHECK_FALSE(supervisor.ejected(at(11min)));
  supervisor.reset();
  CHECK(supervisor.ejected(at(12min)) == 1min);
  CHECK(supervisor.ejections() == 5);
}

TEST_CASE("supervisor: what happened two hours ago is forgotten") {
  vigil::Supervisor supervisor;
  CHECK(supervisor.ejected(at(1min)) == 1min);
  CHECK(supervisor.ejected(at(3h)) == 1min);
}
