// SPDX-License-Identifier: GPL-2.0-only
//
// A recording of what the daemon heard, one JSON object a line, so that it can be replayed elsewhere: what the kernel
// reported (records as they were, in hexadecimal), and what was read because of it. Environment values are in none of it.
//
// First line: {"vigil_recording":1,"abi":N,"rules":[names],"kinds":[names],"atoms":[texts]}
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/event.hpp"

namespace vigil::wire {

struct RecordingHeader {
  std::vector<std::string> rules;  // by rule number - 1
  std::vector<std::string> kinds;  // by number
  std::vector<std::string> atoms;  // by atom id - 1
};

struct RecordedEvent {
  std::uint64_t now_ns = 0;
  Event event;
};

// Lines, with the newline.
std::string format_header(const RecordingHeader& header);
std::string format_record(std::uint64_t now_ns, std::span<const std::byte> record);
std::string format_facts(std::uint64_t now_ns, const ProcessFacts& facts);
std::string format_lost(std::uint64_t now_ns, std::uint64_t count);

struct Recording {
  RecordingHeader header;
  std::vector<RecordedEvent> events;
};
// A damaged line is an error that names it; nothing after it is believed.
Result<Recording> parse_recording(std::string_view text);

// The actions that a recording leads to, one a line, for people and golden files.
std::string describe_actions(const Recording& recording);

}  // namespace vigil::wire
