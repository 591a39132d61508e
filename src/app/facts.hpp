// SPDX-License-Identifier: GPL-2.0-only
//
// What /proc says of a process, in the words of the rules.
#pragma once

#include <string>
#include <string_view>

#include "core/classify/facts.hpp"
#include "core/event.hpp"
#include "edge/procfs/process_reader.hpp"

namespace vigil::app {

// The kernel names a script's process after the script; "" when it is none.
std::string script_of(std::string_view comm, const ProcessFacts& facts);

// Marks and what it was before are not in /proc.
classify::Facts describe_process(const ProcessFacts& facts, const edge::ProcessReader::Identity& identity);

}  // namespace vigil::app
