// SPDX-License-Identifier: GPL-2.0-only
//
// A process as /proc shows it: what the kernel half would have looked at itself, where there is one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace vigil {

struct ProcessImage {
  ProcKey key;  // start_ns exact to a clock tick
  std::uint32_t ppid = 0;
  std::uint32_t uid = 0;
  std::uint32_t threads = 0;
  std::uint32_t flags = 0;  // bits of classify::KernelFlag
  bool kthread = false;
  std::string comm;
  std::string exe;  // whole path, "" when unreadable or a kernel thread
  std::vector<std::string> argv;
  std::vector<std::string> env;  // as it was at exec; NAME=value
  std::string cgroup_path;       // in the unified hierarchy
};

}  // namespace vigil
