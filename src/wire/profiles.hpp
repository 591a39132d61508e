// SPDX-License-Identifier: GPL-2.0-only
//
// A profile's settings in the layout of the kernel's map.
#pragma once

#include "abi.h"
#include "core/policy/profiles/profile.hpp"

namespace vigil::wire {

::vigil_profile encode_profile(const policy::ProfileSettings& settings);

}  // namespace vigil::wire
