// SPDX-License-Identifier: GPL-2.0-only
//
// The machine drawn for people: packages, dies, caches, cores with their ranks, memory nodes and devices, in
// lines of at most 100 columns.
#pragma once

#include <string>

#include "core/topology/devices.hpp"
#include "core/topology/topology.hpp"

namespace vigil {

std::string draw(const topology::Topology& topology, const topology::Devices& devices);
std::string draw(const topology::Devices& devices);

}  // namespace vigil
