// SPDX-License-Identifier: GPL-2.0-only
//
// Command line over configuration file over defaults.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.hpp"
#include "base/result.hpp"

namespace vigil::app {

struct CommandLine {
  std::optional<RunMode> mode;
  std::optional<std::string> config, socket, sysfs_root, proc_root;
  std::vector<std::string> rules, profiles;
  bool simulate_cxl = false;
  std::optional<log::Level> log_level;
  std::optional<std::uint32_t> stats_seconds, monitor_seconds, ring_bytes;
};

std::optional<RunMode> parse_run_mode(std::string_view name);

// Every mistake of the configuration file in the Error, a line each with its place.
Result<Options> settle(const CommandLine& line);

}  // namespace vigil::app
