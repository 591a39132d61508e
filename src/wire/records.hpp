// SPDX-License-Identifier: GPL-2.0-only
//
// Ring and iterator records (bytes, bpf/abi.h) to events (values). Pure; a record that makes no sense is an error, never
// a crash: the bytes may come from a file.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.hpp"
#include "core/event.hpp"

struct vigil_verdict;
struct vigil_decision;

namespace vigil::wire {

Result<Event> decode(std::span<const std::byte> record);
TaskVerdict decode_verdict(const ::vigil_verdict& verdict);
Decision decode_decision(const ::vigil_decision& decision);
::vigil_decision encode_decision(const Decision& decision);

}  // namespace vigil::wire
