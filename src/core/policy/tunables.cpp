// SPDX-License-Identifier: GPL-2.0-only
#include "core/policy/tunables.hpp"

#include <type_traits>

namespace vigil {

namespace {

// Calls visit(name, reference) for each number there is; the one place that knows their names.
template <typename Tunables, typename Visit>
void visit_numbers(Tunables& tunables, Visit visit) {
  visit("lease_us", tunables.lease_us);
  visit("wait_bound_us", tunables.wait_bound_us);
  visit("short_burst_us", tunables.short_burst_us);
  visit("guard_us", tunables.guard_us);
  visit("balance_us", tunables.balance_us);
  visit("steer", tunables.steer);
  for (const auto klass : kWorkloadClasses) {
    auto& of = tunables.classes[static_cast<std::size_t>(klass)];
    const auto prefix = std::string(to_string(klass)) + ".";
    visit(prefix + "share", of.share);
    visit(prefix + "request_us", of.request_us);
    visit(prefix + "credit_us", of.credit_us);
    visit(prefix + "lead_us", of.lead_us);
    visit(prefix + "urgency", of.urgency);
    visit(prefix + "forgive", of.forgive);
    visit(prefix + "judge", of.judge);
  }
}

}  // namespace

SchedTunables SchedTunables::defaults() {
  SchedTunables out;
  const auto set = [&](WorkloadClass klass, SchedClassTunables value) { out.of(klass) = value; };
  //                             share request credit  lead urgency forgive judge
  set(WorkloadClass::regular,     {1,    3000,  3000,     0, 1, false, true});
  set(WorkloadClass::gaming,      {8,    3000, 10000, 60000, 2, true, false});
  set(WorkloadClass::interactive, {2,    2000,  8000, 30000, 2, true, false});
  set(WorkloadClass::batch,       {0.5,  6000,     0,     0, 0, false, false});
  set(WorkloadClass::ai,          {1,    8000,     0,     0, 0, false, false});
  set(WorkloadClass::vm,          {2,    4000,  6000, 10000, 1, false, true});
  set(WorkloadClass::container,   {1,    3000,  3000,     0, 1, false, true});
  set(WorkloadClass::latency,     {8,    1000, 20000, 80000, 3, true, false});
  set(WorkloadClass::vectordb,    {2,    6000,  3000,     0, 1, false, false});
  set(WorkloadClass::kworker,     {2,    2000,  6000, 20000, 1, false, false});
  out.classes[6] = out.classes[0];
  return out;
}

SchedTunables SchedTunables::plain() const {
  SchedTunables out = *this;
  out.steer = false;
  for (auto& klass : out.classes) {
    klass.urgency = 1;
    klass.judge = false;
  }
  return out;
}

void SchedTunables::place(const policy::Places& places) {
  for (std::size_t i = 0; i < kWorkloadClassCount; i++) {
    classes[i].set = places.classes[i];
    classes[i].spread = places.spread[i];
  }
  away = places.away;
}

std::vector<NamedNumber> numbers(const SchedTunables& tunables) {
  std::vector<NamedNumber> out;
  visit_numbers(tunables, [&](std::string name, const auto& value) {
    out.push_back({std::move(name), static_cast<double>(value)});
  });
  return out;
}

bool set_number(SchedTunables& tunables, std::string_view name, double value) {
  bool found = false;
  visit_numbers(tunables, [&](const std::string& known, auto& number) {
    if (known != name) return;
    found = true;
    using Number = std::remove_reference_t<decltype(number)>;
    if constexpr (std::is_same_v<Number, bool>)
      number = value != 0;
    else
      number = static_cast<Number>(value);
  });
  return found;
}

std::vector<TunableChange> changes(const SchedTunables& from, const SchedTunables& to) {
  const auto before = numbers(from), after = numbers(to);
  std::vector<TunableChange> out;
  for (std::size_t i = 0; i < after.size(); ++i)
    if (before[i].value != after[i].value) out.push_back({after[i].name, before[i].value, after[i].value});
  return out;
}

}  // namespace vigil
