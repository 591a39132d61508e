// SPDX-License-Identifier: GPL-2.0-only
//
// Everything the engine can ask for. The app carries actions out; the engine never does.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/event.hpp"

namespace vigil {

// Look at /proc once for this process; the answer comes back as ProcessFacts.
struct ReadProcess {
  ProcKey key;
};

// Write a decision into a level of every thread of a process.
struct AssignClass {
  ProcKey key;
  Level level = Level::user;
  Decision decision;             // rule 0 takes the level's decision away
  std::uint32_t appid = 0;       // 0: leave
  std::uint64_t event_ns = 0;    // the event this answers; 0: now
};

// Write a profile into a process, into it and what descends from it, or into every process.
struct AssignProfile {
  enum class Op : std::uint8_t { choose, matched, automatic, settle };
  enum class Scope : std::uint8_t { process, tree, all };
  Op op = Op::matched;
  Scope scope = Scope::process;
  ProcKey key;
  std::uint16_t profile = 0;
};

// What a person chose for every game. Before the AssignProfile{settle} that carries it to those that run.
struct ChooseForGames {
  std::optional<std::uint16_t> profile;  // absent: by matching
};

// The first process of a profile, and the end of the last.
struct ProfileBegins {
  std::uint16_t profile = 0;
  ProcKey key;
  std::string comm;
};
struct ProfileEnds {
  std::uint16_t profile = 0;
};

// Run the iterators: what the ring lost is still in the kernel.
struct Resync {
  std::uint64_t lost = 0;
};

// For `vigilctl watch`. A verdict goes to everyone, the rest only to watch --all.
struct PublishVerdict {
  std::uint64_t at_ns = 0;
  std::uint32_t pid = 0;
  std::uint32_t tgid = 0;
  std::string comm;
  WorkloadClass klass = WorkloadClass::regular;
  std::uint8_t kind = 0;
  std::uint32_t rule = 0;
  std::uint32_t gen = 0;
  Source source = Source::kernel;
  std::uint32_t appid = 0;           // of a game
  std::uint32_t inherited_from = 0;  // tgid
  std::uint16_t profile = 0;
  std::uint64_t decided_after_ns = 0;
  std::uint64_t hook_ns = 0;
};
struct PublishTask {
  TaskEvent event;
};
struct PublishCgroup {
  CgroupEvent event;
};
struct PublishLost {
  std::uint64_t count = 0;
  bool resynced = false;
};

// A sentence for the journal.
struct Announce {
  std::string text;
  bool one_of_many = false;  // a flood of its like is counted instead of printed
};

using Action = std::variant<ReadProcess, AssignClass, AssignProfile, ChooseForGames, ProfileBegins, ProfileEnds, Resync, PublishVerdict, PublishTask, PublishCgroup, PublishLost, Announce>;
using Actions = std::vector<Action>;

}  // namespace vigil
