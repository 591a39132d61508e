// SPDX-License-Identifier: GPL-2.0-only
//
// CPUID of each CPU of the running machine, by visiting it with this thread.
//
// A CPU is visited once, when it is first asked about, and only where its answer can differ from the others': on
// machines without those leaves nothing is visited at all. The thread's own affinity is put back. Other tasks are
// not touched.
#pragma once

#include "core/topology/topology.hpp"

namespace vigil {

// Empty where CPUID has nothing to add (other architectures, older processors, most guests).
topology::CpuidProvider live_cpuid();

}  // namespace vigil
