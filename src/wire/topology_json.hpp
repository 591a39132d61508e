// SPDX-License-Identifier: GPL-2.0-only
//
// `vigilctl topology --json` and `devices --json`: the fields and their meaning are fixed, fields may be added.
// CPU sets are cpulist strings; what is not known is null.
#pragma once

#include <nlohmann/json.hpp>

#include "core/topology/devices.hpp"
#include "core/topology/topology.hpp"

namespace vigil {

nlohmann::ordered_json to_json(const topology::Topology& topology);
nlohmann::ordered_json to_json(const topology::Devices& devices);

}  // namespace vigil
