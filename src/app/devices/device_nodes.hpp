// SPDX-License-Identifier: GPL-2.0-only
//
// Which device numbers belong to a kind of device: some are fixed for ever, others a driver is given when it is loaded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/kernel/device_programs.hpp"

namespace vigil::app {

// /proc/devices; "" when it cannot be read. Read at the start, after a reload, and when a driver came.
std::string read_driver_numbers(const std::string& proc_root);

// `kinds`: classify::device_bit(). `drivers`: the text of /proc/devices.
std::vector<WatchedNode> nodes_of(std::uint32_t kinds, std::string_view drivers);

}  // namespace vigil::app
