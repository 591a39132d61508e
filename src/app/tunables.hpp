// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler's numbers: what a person set, over the defaults.
#pragma once

#include "app/options.hpp"
#include "edge/kernel/scheduler.hpp"

namespace vigil::app {

SchedTunables tunables_of(const Options& options);

}  // namespace vigil::app
