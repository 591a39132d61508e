// SPDX-License-Identifier: GPL-2.0-only
//
// `vigilctl replay FILE`: what a recording leads to, offline: the same engine, fed with what the daemon
// heard.
#pragma once

#include <string>

#include "ctl/client.hpp"

namespace vigil::ctl {

// `file` "-": stdin.
int run_replay(const Options& options, const std::string& file);

}  // namespace vigil::ctl
