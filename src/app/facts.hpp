// SPDX-License-Identifier: GPL-2.0-only
//
// What /proc says of a process, in the words of the rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/classify/facts.hpp"
#include "core/event.hpp"
#include "edge/procfs/process_reader.hpp"

namespace vigil::app {

// What the daemon asks for in answer to an event. Marks, flags and what it was before are not in it.
classify::Facts describe_process(const ProcessFacts& facts, std::string_view comm, std::optional<std::uint32_t> uid);
// With what the kernel says of the process now.
classify::Facts describe_process(const ProcessFacts& facts, const edge::ProcessReader::Identity& identity);

}  // namespace vigil::app
