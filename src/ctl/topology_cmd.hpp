// SPDX-License-Identifier: GPL-2.0-only
//
// `vigilctl topology` and `vigilctl devices`: no daemon is asked, the machine or a captured tree is read.
#pragma once

#include <string>

namespace vigil {

// `proc_root` empty: /proc beside /sys, or the folder "proc" beside a captured "sys". Prints to stdout; the return
// value is the exit status: 0, or 1 with a sentence on stderr.
int run_topology(const std::string& sysfs_root, bool json, const std::string& proc_root = "");
int run_devices(const std::string& sysfs_root, bool json, const std::string& proc_root = "");

}  // namespace vigil
