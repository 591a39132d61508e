// SPDX-License-Identifier: GPL-2.0-only
//
// Numbers the scheduler reads at run time. What each does, who gains and who loses: bpf/README.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/workload_class.hpp"
#include "core/policy/cpu_sets.hpp"

namespace vigil {

struct SchedClassTunables {
  double share = 1;                // service relative to `regular`
  std::uint32_t request_us = 3000;
  std::uint32_t credit_us = 3000;
  std::uint32_t lead_us = 0;
  std::uint8_t urgency = 1;        // 0 background, 1 normal, 2 prompt, 3 urgent
  bool forgive = false;
  bool judge = false;
  bool spread = false;             // see policy::Places
  policy::CpuSetId set = policy::CpuSetId::any;

  bool operator==(const SchedClassTunables&) const = default;
};

struct SchedTunables {
  std::array<SchedClassTunables, kWorkloadClassCount> classes;
  std::uint32_t lease_us = 20000;
  std::uint32_t wait_bound_us = 400000;
  std::uint32_t short_burst_us = 1000;
  std::uint32_t guard_us = 500;
  std::uint32_t balance_us = 10000;
  bool steer = true;               // CPU sets are looked at
  policy::CpuSetId away = policy::CpuSetId::any;

  SchedClassTunables& of(WorkloadClass klass) { return classes[static_cast<std::size_t>(klass)]; }

  // Takes over where classes would rather run.
  void place(const policy::Places& places);
  // The mode `auto`.
  static SchedTunables defaults();
  // Without what is more likely to be wrong: nobody is steered, takes another's place or is judged by behaviour.
  SchedTunables plain() const;
  bool operator==(const SchedTunables&) const = default;
};

// One number under its name: "lease_us", "gaming.share"; true and false are 1 and 0. CPU sets are no numbers: topology decides them.
struct NamedNumber {
  std::string name;
  double value = 0;
};
std::vector<NamedNumber> numbers(const SchedTunables& tunables);
// False: there is no number of that name.
bool set_number(SchedTunables& tunables, std::string_view name, double value);

struct TunableChange {
  std::string name;
  double from = 0, to = 0;
  bool operator==(const TunableChange&) const = default;
};
// What differs, in the order of numbers().
std::vector<TunableChange> changes(const SchedTunables& from, const SchedTunables& to);

}  // namespace vigil
