// SPDX-License-Identifier: GPL-2.0-only
//
// What the daemon is told on its command line and by its configuration file.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/settings.hpp"
#include "log/log.hpp"

namespace vigil::app {

// Where process events come from: BPF where it can be used, else the proc connector; or one of them only.
enum class EventSource { automatic, bpf, connector };

enum class RunMode { automatic, schedule, observe };
std::string_view to_string(RunMode mode);

struct Options {
  RunMode mode = RunMode::automatic;
  EventSource events = EventSource::automatic;
  std::uint32_t storm_execs = 128;        // programs a second below one process that make a storm; 0: never
  std::string ananicy_folder;             // evidence of last resort; empty: none
  std::vector<std::string> rule_folders;     // the built-in folder first
  std::vector<std::string> profile_folders;  // likewise
  std::string socket = "/run/vigil/control.sock";
  std::string socket_group;  // name or number; empty: root alone
  std::string sysfs_root = "/sys";
  std::string proc_root = "/proc";
  log::Level log_level = log::Level::info;
  std::optional<std::uint32_t> stats_seconds;    // print counters this often
  std::optional<std::uint32_t> monitor_seconds;  // the same, without scheduling anything of our own: from a running daemon
  std::uint32_t ring_bytes = 1 << 20;
  bool simulate_cxl = false;  // made-up memory counters instead of real ones
  config::PowerSettings power;
  config::SchedulerSettings scheduler;  // what a person set; the rest is the mode's
  std::array<config::ClassSettings, kWorkloadClassCount> classes;
  memory::Settings memory;
};

// Where the built-in rules and profiles are: beside a build tree's program, else where they are installed.
std::string builtin_folder(const std::string& name);  // "rules.d", "profiles.d"

}  // namespace vigil::app
