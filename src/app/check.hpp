// SPDX-License-Identifier: GPL-2.0-only
//
// `scx_vigil --check` and `--monitor`: what needs no daemon of its own.
#pragma once

#include <string>

#include "app/options.hpp"

namespace vigil::app {

// An error of Daemon::create() or settle() with this code is the user's to mend.
inline constexpr int kConfigurationError = 2;

// A line a capability on stdout; nothing is attached. 0: --mode schedule would work, 3: only observe, 1: neither.
int run_check(const std::string& sysfs_root);

// Prints the counters of the daemon at options.socket every options.monitor_seconds, until interrupted.
int run_monitor(const Options& options);

}  // namespace vigil::app
