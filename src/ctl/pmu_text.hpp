// SPDX-License-Identifier: GPL-2.0-only
//
// The memory counters of `status`, for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ctl/text.hpp"

namespace vigil::ctl {

// "" on a machine without memory counters. `status` is the whole answer of the call.
std::string memory_counters_text(const nlohmann::json& status, const Paint& paint);

}  // namespace vigil::ctl
