// SPDX-License-Identifier: GPL-2.0-only
//
// `vigilctl bundle`: everything a bug report needs in one text file a person can read before sending it:
// versions, the machine, what the daemon says. No environment, no command lines, no host name.
#pragma once

#include <string>

#include "ctl/client.hpp"

namespace vigil::ctl {

// `file` empty: a new file in the current folder; "-": stdout.
int run_bundle(const Options& options, const std::string& file);

}  // namespace vigil::ctl
