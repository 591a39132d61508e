// SPDX-License-Identifier: GPL-2.0-only
#include "core/policy/modes.hpp"

namespace vigil::policy {

namespace {

// One game in front, the rest may wait: it gets more of a full machine, and what nobody knows the purpose of stops being
// protected from what is short.
void gaming(SchedTunables& to) {
  to.of(WorkloadClass::gaming).share = 16;
  to.of(WorkloadClass::gaming).credit_us = 16000;
  to.of(WorkloadClass::batch).share = 0.25;
  to.of(WorkloadClass::ai).share = 0.5;
  to.guard_us = 250;
}

// Fewer wake-ups, switches and moves; what people see keeps its place.
void powersave(SchedTunables& to) {
  for (const auto klass : {WorkloadClass::regular, WorkloadClass::container, WorkloadClass::vm, WorkloadClass::vectordb})
    to.of(klass).request_us *= 2;
  to.of(WorkloadClass::batch).request_us = 12000;
  to.of(WorkloadClass::ai).request_us = 16000;
  to.lease_us = 40000;
  to.guard_us = 2000;
  to.balance_us = 50000;
}

// Everything short: earlier deadlines for all, paid for with switches.
void lowlatency(SchedTunables& to) {
  to.of(WorkloadClass::regular).request_us = 1500;
  to.of(WorkloadClass::container).request_us = 1500;
  to.of(WorkloadClass::gaming).request_us = 2000;
  to.of(WorkloadClass::interactive).request_us = 1000;
  to.of(WorkloadClass::batch).request_us = 3000;
  to.of(WorkloadClass::ai).request_us = 4000;
  to.of(WorkloadClass::vm).request_us = 2000;
  to.lease_us = 8000;
  to.guard_us = 0;
  to.short_burst_us = 2000;
}

// Throughput and fairness among services; nobody sits in front of it.
void server(SchedTunables& to) {
  to.of(WorkloadClass::regular).request_us = 5000;
  to.of(WorkloadClass::container).request_us = 5000;
  to.of(WorkloadClass::batch) = to.of(WorkloadClass::regular);
  to.of(WorkloadClass::batch).urgency = 0;
  to.of(WorkloadClass::batch).judge = false;
  to.of(WorkloadClass::vectordb).share = 4;
  for (const auto klass : {WorkloadClass::gaming, WorkloadClass::interactive}) {
    to.of(klass).share = 1;
    to.of(klass).lead_us = 0;
    to.of(klass).urgency = 1;
    to.of(klass).forgive = false;
  }
  to.guard_us = 1000;
  to.steer = false;
}

}  // namespace

SchedTunables tunables_of(Mode mode) {
  auto out = SchedTunables::defaults();
  switch (mode) {
    case Mode::automatic: break;
    case Mode::gaming: gaming(out); break;
    case Mode::powersave: powersave(out); break;
    case Mode::lowlatency: lowlatency(out); break;
    case Mode::server: server(out); break;
  }
  return out;
}

PlaceWishes wishes_of(Mode mode) { return {.save_power = mode == Mode::powersave}; }

}  // namespace vigil::policy
