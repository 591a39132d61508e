// SPDX-License-Identifier: GPL-2.0-only
//
// The memory counters in `status` and `stats`. What was not measured is null there and absent from OpenMetrics; what is
// simulated carries the label in every sample. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/memory/pmu/report.hpp"
#include "wire/metrics.hpp"

namespace vigil::wire {

// `memory_counters` of status; fields as in README.md here.
nlohmann::json to_json(const memory::PmuReport& report);

void add_metrics(Metrics& out, const memory::PmuReport& report);

}  // namespace vigil::wire
