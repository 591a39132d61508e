// SPDX-License-Identifier: GPL-2.0-only
//
// The daemon's answers and events, worded for people. Pure: JSON in, text out. Answers of older and newer
// daemons come out as far as they go.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ctl/text.hpp"
#include "wire/metrics.hpp"

namespace vigil::ctl {

// What an admin wants at a glance.
std::string status_text(const nlohmann::json& status, const Paint& paint);
// The first line of it alone: "Vigil 0.1.0 schedules as vigil_… ".
std::string headline(const nlohmann::json& status, const Paint& paint);
// Processes and tasks by class, most first.
std::string classes_text(const nlohmann::json& status, const Paint& paint);
std::string explain_text(const nlohmann::json& explained, const Paint& paint);
// One line, with its newline. `when` empty: the time of day it happened.
std::string event_text(const nlohmann::json& event, const Paint& paint, const std::string& when = {});
std::string stats_text(const wire::Metrics& metrics, const Paint& paint);

// "at once" for 0, else how long.
std::string after_text(const nlohmann::json& decided_after_ns);
// The value below which `share` of what the histogram counted lies: an upper bound, that of its bucket. Empty
// when nothing was counted; ">" and the last bound when it lies above them all.
std::string quantile_text(const wire::Metric& metric, const wire::Sample& sample, double share);

}  // namespace vigil::ctl
