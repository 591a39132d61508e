// SPDX-License-Identifier: GPL-2.0-only
//
// `vigilctl doctor`: what could be better on this machine, each with what to do. Works without a daemon; asks
// it for what it misses where there is one.
#pragma once

#include "ctl/client.hpp"

namespace vigil::ctl {

int run_doctor(const Options& options);

}  // namespace vigil::ctl
