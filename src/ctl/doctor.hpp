// SPDX-License-Identifier: GPL-2.0-only
//
// What could be better on this machine: facts about it, and what follows from them. The facts are read once,
// from files only; nothing is changed, no device is touched.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vigil::ctl {

struct MachineFacts {
  std::string kernel;          // uname -r
  bool has_sched_ext = false;  // /sys/kernel/sched_ext
  bool has_btf = false;        // /sys/kernel/btf/vmlinux
  bool is_root = false;
  bool has_cgroup2 = false;  // mounted somewhere
  bool has_psi = false;      // /proc/pressure
  std::optional<bool> has_bpf_jit;
  std::string lockdown;        // "none", "integrity", "confidentiality", or empty where the kernel has none
  std::string scheduler;       // name of the attached sched_ext scheduler, empty when none
  std::string cpu_vendor;      // "AuthenticAMD", …
  std::string scaling_driver;  // of the first CPU
  std::string amd_pstate;      // "active", "passive", "disable", or empty
  std::string prefcore;        // "enabled", "disabled", or empty
  std::string x3d_mode;        // "cache", "frequency", or empty
  std::string platform_profile;   // firmware's, or empty
  std::string energy_preference;  // of the first CPU, or empty
  bool on_mains = false;          // a mains supply says it is in
  std::string rt_runtime;      // kernel.sched_rt_runtime_us
  bool bpf_stats = false;      // kernel.bpf_stats_enabled
  std::vector<std::string> programs;  // names of running processes, each once
  // Why memory traffic cannot be measured, and what to do; empty: it can be.
  std::string no_memory_counters;
  std::string for_memory_counters;
};

// Roots are parameters so that a captured tree can be looked at.
MachineFacts read_machine(const std::string& sys = "/sys", const std::string& proc = "/proc");

struct Finding {
  enum class Level {
    problem,  // something Vigil does is not possible
    advice,   // works, and could be better
  };
  Level level = Level::advice;
  std::string id;    // stable, for scripts
  std::string what;  // a sentence
  std::string todo;  // a sentence
};

// Problems first. Empty: nothing to better.
std::vector<Finding> examine(const MachineFacts& facts);

}  // namespace vigil::ctl
