// SPDX-License-Identifier: GPL-2.0-only
//
// A recording of what the daemon heard, one JSON object a line, so that it can be replayed elsewhere: what the kernel
// reported (records as they were, in hexadecimal), and what was read because of it. Environment values are in none of it.
//
// First line: {"vigil_recording":2,"abi":N,"rules":[names],"kinds":[names],"atoms":[texts],"profiles":[names]}. Then, each with
// "now":
//   {"record":"hex"}                what the kernel reported, or became of a person's word
//   {"facts":{…},"refined":{…}}     that a process was looked at closer, and what the rules made of it. Not what was seen: arguments
//                                   and variables can hold passwords.
//   {"lost":N}
// Version 1 had no "refined" and no profiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/engine/engine.hpp"

namespace vigil::wire {

struct RecordingHeader {
  std::vector<std::string> rules;  // by rule number - 1
  std::vector<std::string> kinds;  // by number
  std::vector<std::string> atoms;  // by atom id - 1
  std::vector<std::string> profiles = {};  // by number - 1; "" unused

  // "games:proton-env", "user", "profile:factorio", "" for none.
  std::string rule_name(std::uint32_t rule, std::uint16_t profile) const;
  std::string profile_name(std::uint16_t profile) const;
};

struct RecordedEvent {
  std::uint64_t now_ns = 0;
  Event event;
  std::optional<Refinement> refined = {};  // of ProcessFacts
};

// Lines, with the newline.
std::string format_header(const RecordingHeader& header);
std::string format_record(std::uint64_t now_ns, std::span<const std::byte> record);
std::string format_facts(std::uint64_t now_ns, const ProcessFacts& facts, const Refinement& refined);
std::string format_lost(std::uint64_t now_ns, std::uint64_t count);

struct Recording {
  RecordingHeader header;
  std::vector<RecordedEvent> events;
};
// A damaged line is an error that names it; nothing after it is believed.
Result<Recording> parse_recording(std::string_view text);

// The engine with what was refined then in place of rules.
class Replay {
 public:
  Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  Actions step(const RecordedEvent& event);

 private:
  Engine engine_;
  const RecordedEvent* now_ = nullptr;
};

// The actions that a recording leads to, one a line, for people and golden files.
std::string describe_actions(const Recording& recording);

}  // namespace vigil::wire
