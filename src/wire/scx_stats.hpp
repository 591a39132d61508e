// SPDX-License-Identifier: GPL-2.0-only
//
// The scx_stats protocol, spoken so that other people's tools (scxtop, Prometheus exporters) can read the
// figures: one JSON object a line, {"req":"stats"} and {"req":"stats_meta"}, answered
// {"errno":0,"args":{"resp":…}}. Pure.
//
// The figures of Metrics become one top-level struct. Those without labels are its fields; those with labels
// are gathered by what they are labelled with: {"event":{"exec":{"events_seen":12,…},…}}. A histogram becomes
// its count and the upper bounds of its median and 99th percentile. What is unknown is left out, of the
// description as well.
#pragma once

#include <string>
#include <string_view>

#include "wire/metrics.hpp"

namespace vigil::wire {

// The answer to a request line, with its newline; to a malformed one, an answer that says so.
std::string answer_scx_stats(std::string_view request, const Metrics& metrics);

}  // namespace vigil::wire
