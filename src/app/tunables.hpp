// SPDX-License-Identifier: GPL-2.0-only
//
// The scheduler's numbers: what a person set, over the mode's, over the defaults.
#pragma once

#include "app/options.hpp"
#include "core/policy/modes.hpp"

namespace vigil::app {

// `sets`: what this machine has to choose from, for where classes would rather run.
SchedTunables tunables_of(const Options& options, policy::Mode mode, const policy::CpuSets& sets);

}  // namespace vigil::app
