// SPDX-License-Identifier: GPL-2.0-only
//
// Command line over configuration file over defaults.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/options.hpp"
#include "base/result.hpp"

namespace vigil::app {

struct CommandLine {
  RunMode mode = RunMode::automatic;
  std::optional<std::string> config, socket, sysfs_root, proc_root;
  std::vector<std::string> rules;
  std::optional<log::Level> log_level;
  std::optional<std::uint32_t> stats_seconds, monitor_seconds, ring_bytes;
};

// Every mistake of the configuration file in the Error, a line each with its place.
Result<Options> settle(const CommandLine& line);

}  // namespace vigil::app
