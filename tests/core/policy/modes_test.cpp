// SPDX-License-Identifier: GPL-2.0-only
#include "core/policy/modes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace vigil;
using policy::Mode;
using policy::tunables_of;

namespace {
constexpr Mode kAll[] = {Mode::automatic, Mode::gaming, Mode::powersave, Mode::lowlatency, Mode::server};
}

TEST_CASE("modes: auto is the defaults") {
  CHECK(tunables_of(Mode::automatic) == SchedTunables::defaults());
  CHECK(changes(SchedTunables::defaults(), tunables_of(Mode::automatic)).empty());
}

TEST_CASE("modes: every other one changes something, and no two are the same") {
  for (const auto a : kAll)
    for (const auto b : kAll)
      if (a != b) CHECK_FALSE(tunables_of(a) == tunables_of(b));
}

TEST_CASE("modes: gaming gives games more and background less") {
  const auto base = SchedTunables::defaults();
  auto mode = tunables_of(Mode::gaming);
  CHECK(mode.of(WorkloadClass::gaming).share > 2 * base.classes[static_cast<std::size_t>(WorkloadClass::gaming)].share - 0.1);
  CHECK(mode.of(WorkloadClass::batch).share < 0.5);
}

TEST_CASE("modes: powersave switches less, lowlatency more") {
  CHECK(tunables_of(Mode::powersave).lease_us > SchedTunables::defaults().lease_us);
  CHECK(tunables_of(Mode::lowlatency).lease_us < SchedTunables::defaults().lease_us);
  auto quick = tunables_of(Mode::lowlatency), slow = tunables_of(Mode::powersave);
  for (const auto klass : {WorkloadClass::regular, WorkloadClass::batch, WorkloadClass::ai, WorkloadClass::container})
    CHECK(quick.of(klass).request_us < slow.of(klass).request_us);
}

TEST_CASE("modes: whatever the mode, audio is urgent and nobody waits longer") {
  for (const auto mode : kAll) {
    auto tunables = tunables_of(mode);
    CHECK(tunables.of(WorkloadClass::latency).urgency == 3);
    CHECK(tunables.wait_bound_us <= SchedTunables::defaults().wait_bound_us);
  }
}

TEST_CASE("tunables: every number can be set by the name it is shown under") {
  for (const auto& number : numbers(SchedTunables::defaults())) {
    auto tunables = SchedTunables::defaults();
    const double other = number.value == 0 ? 1 : 0;
    REQUIRE(set_number(tunables, number.name, other));
    const auto changed = changes(SchedTunables::defaults(), tunables);
    REQUIRE(changed.size() == 1);
    CHECK(changed[0] == TunableChange{number.name, number.value, other});
  }
  auto tunables = SchedTunables::defaults();
  CHECK_FALSE(set_number(tunables, "gaming.speed", 1));
}
