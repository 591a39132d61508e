// SPDX-License-Identifier: GPL-2.0-only
//
// Actions as the JSON lines of `vigilctl watch` (contract: src/wire/README.md).
#pragma once

#include <string>

#include "app/rule_book.hpp"
#include "core/action.hpp"
#include "core/topology/device_event.hpp"

namespace vigil::app {

// `title`: what people call it, "" unknown.
std::string verdict_line(const PublishVerdict& verdict, const RuleBook& book, std::string_view title);
std::string task_line(const TaskEvent& event);
std::string cgroup_line(const CgroupEvent& event);
std::string lost_line(std::uint64_t now, const PublishLost& lost);
std::string device_line(std::uint64_t now, const topology::DeviceEvent& event);
// `in_force_after_ns`: from the last event of the burst until the scheduler's maps said so; `writes`: entries of them.
std::string topology_line(std::uint64_t now, std::string_view what, std::uint64_t in_force_after_ns, std::uint32_t writes);
std::string scheduler_line(std::uint64_t now, std::string_view state, std::string_view reason);
std::string_view cause_name(Cause cause);
std::string_view source_name(Source source);
std::string_view level_name(Level level);

}  // namespace vigil::app
