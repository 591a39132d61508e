// SPDX-License-Identifier: GPL-2.0-only
//
// What a task is for. One small number in its BPF task storage; the numbers are the first seed's where it
// named one (gaming 1, interactive 2, batch 3, ai 4, container 7) and never change meaning. wire/ asserts that
// they equal bpf/abi.h's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vigil {

enum class WorkloadClass : std::uint8_t {
  regular = 0,      // nothing known
  gaming = 1,
  interactive = 2,
  batch = 3,
  ai = 4,
  vm = 5,
  container = 7,
  latency = 8,      // audio, input, compositor
  vectordb = 9,
  kworker = 10,
};

// Array size for tables indexed by class; 6 is unused.
inline constexpr std::size_t kWorkloadClassCount = 11;

inline constexpr std::array kWorkloadClasses = {
    WorkloadClass::regular, WorkloadClass::gaming, WorkloadClass::interactive, WorkloadClass::batch,
    WorkloadClass::ai,      WorkloadClass::vm,     WorkloadClass::container,   WorkloadClass::latency,
    WorkloadClass::vectordb, WorkloadClass::kworker,
};

constexpr std::string_view to_string(WorkloadClass klass) {
  switch (klass) {
    case WorkloadClass::regular: return "regular";
    case WorkloadClass::gaming: return "gaming";
    case WorkloadClass::interactive: return "interactive";
    case WorkloadClass::batch: return "batch";
    case WorkloadClass::ai: return "ai";
    case WorkloadClass::vm: return "vm";
    case WorkloadClass::container: return "container";
    case WorkloadClass::latency: return "latency";
    case WorkloadClass::vectordb: return "vectordb";
    case WorkloadClass::kworker: return "kworker";
  }
  return "regular";
}

constexpr std::optional<WorkloadClass> parse_workload_class(std::string_view name) {
  for (const auto klass : kWorkloadClasses)
    if (to_string(klass) == name) return klass;
  return std::nullopt;
}

}  // namespace vigil
