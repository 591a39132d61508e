// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler's numbers: what a person set, over the mode's.
#pragma once

#include "app/options.hpp"
#include "core/policy/modes.hpp"

namespace vigil::app {

SchedTunables tunables_of(const Options& options, policy::Mode mode);

}  // namespace vigil::app
