// SPDX-License-Identifier: GPL-2.0-only
//
// `vigilctl top`: the daemon's state and the latest verdicts, redrawn when something happens (at most a few
// times a second), never on a timer of its own. Where stdout is no terminal, or with --json, one snapshot.
#pragma once

#include "ctl/client.hpp"

namespace vigil::ctl {

int run_top(const Options& options);

}  // namespace vigil::ctl
