// SPDX-License-Identifier: GPL-2.0-only
//
// /etc/vigil/vigil.toml: what a person may set. Everything is optional; what is absent keeps its default.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/workload_class.hpp"
#include "core/config/mistake.hpp"
#include "core/memory/settings.hpp"

namespace vigil::config {

// [class.gaming] and so on: how the scheduler treats a class.
struct ClassSettings {
  std::optional<double> share;            // service relative to `regular`
  std::optional<std::uint32_t> request_us;  // time it asks for at once
  std::optional<std::uint32_t> credit_us;   // most a sleeper may save up
  std::optional<std::uint32_t> urgency;     // 0 background … 3 urgent
};

// [scheduler]
struct SchedulerSettings {
  std::optional<std::uint32_t> lease_us, wait_bound_us, short_burst_us, guard_us, balance_us;
  std::optional<bool> steer;
  std::optional<std::uint32_t> return_after_s;  // after a first ejection
};

// [power] and [x3d]: what follows the power source, and what may be set in hardware.
struct PowerSettings {
  std::optional<bool> follow;     // [power] the automatic mode follows power source and profiles
  std::optional<bool> epp;        // [power] set the CPUs' energy preference by mode
  std::optional<bool> steer_x3d;  // [x3d] steering: the X3D mode is `cache` while games run
  bool operator==(const PowerSettings&) const = default;
};

struct Settings {
  std::optional<std::string> mode;       // auto, schedule, observe
  std::optional<std::string> events;     // auto, bpf, proc-connector
  std::optional<std::string> log_level;  // trace … off
  std::optional<std::string> socket;
  std::optional<std::string> socket_group;
  std::vector<std::string> rules;        // folders, the built-in one first; empty: the defaults
  std::vector<std::string> profiles;     // likewise
  std::optional<std::uint32_t> ring_kib;
  std::optional<std::string> ananicy;    // folder of ananicy's rules; "": none
  std::optional<std::uint32_t> storm_execs;  // programs a second below one process that make a storm; 0: never
  PowerSettings power;
  SchedulerSettings scheduler;
  memory::Settings memory;  // [memory]
  std::array<ClassSettings, kWorkloadClassCount> classes;
};

Parsed<Settings> parse_settings(const SourceFile& file);

}  // namespace vigil::config
