// SPDX-License-Identifier: GPL-2.0-only
#include "app/tunables.hpp"

#include <type_traits>

namespace vigil::app {

SchedTunables tunables_of(const Options& options, policy::Mode mode, const policy::CpuSets& sets) {
  SchedTunables out = policy::tunables_of(mode);
  out.place(policy::places_of(sets, policy::wishes_of(mode)));
  const auto set = [](auto& value, const auto& wish) {
    if (wish) value = static_cast<std::remove_reference_t<decltype(value)>>(*wish);
  };
  set(out.lease_us, options.scheduler.lease_us);
  set(out.wait_bound_us, options.scheduler.wait_bound_us);
  set(out.short_burst_us, options.scheduler.short_burst_us);
  set(out.guard_us, options.scheduler.guard_us);
  set(out.balance_us, options.scheduler.balance_us);
  set(out.steer, options.scheduler.steer);
  for (std::size_t i = 0; i < kWorkloadClassCount; ++i) {
    set(out.classes[i].share, options.classes[i].share);
    set(out.classes[i].request_us, options.classes[i].request_us);
    set(out.classes[i].credit_us, options.classes[i].credit_us);
    set(out.classes[i].urgency, options.classes[i].urgency);
  }
  return out;
}

}  // namespace vigil::app
