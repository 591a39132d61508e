// SPDX-License-Identifier: GPL-2.0-only
//
// Everything that can happen to the engine. Events are values: a recording of them, replayed, gives the same actions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/verdict.hpp"

namespace vigil {

// fork, exec, exit, rename, cgroup move, or (snapshot) found by the iterator.
struct TaskEvent {
  Cause kind = Cause::none;
  std::uint64_t at_ns = 0;
  std::uint32_t ppid = 0;
  std::uint32_t uid = 0;
  std::uint32_t threads = 0;
  bool changed = false;  // the class in force is not what it was
  bool leader = false;
  bool kthread = false;
  bool new_thread = false;  // fork of a thread, not of a process
  std::string comm;
  std::string exe;  // base name; exec and snapshot
  TaskVerdict verdict;
};

struct CgroupEvent {
  enum class Kind : std::uint8_t { mkdir, rmdir, snapshot };
  Kind kind = Kind::mkdir;
  std::uint64_t at_ns = 0;
  CgroupId id;
  CgroupId parent;
  Decision decision;
  std::uint32_t appid = 0;
  std::string path;        // relative to the v2 root; its tail when `path_cut`
  bool path_cut = false;
};

// The answer to ReadProcess. A process that was gone in the meantime answers with exists = false.
struct ProcessFacts {
  ProcKey key;
  bool exists = false;
  std::string exe;                // full path, "" when unreadable
  std::vector<std::string> argv;
  std::string cgroup_path;
  std::vector<std::string> env;  // only when a rule that the daemon decides asks for variables; never recorded
};

// A process opened a kind of device that some rule asks for; told once a kind and image.
struct DeviceOpened {
  std::uint64_t at_ns = 0;
  TaskVerdict verdict;         // of the leader, as it was then
  std::uint32_t devices = 0;   // classify::device_bit(): all that this image has opened
  std::uint32_t ppid = 0;
  std::uint32_t uid = 0;
  std::string comm;
};

// Ring records did not fit: `count` since the last time.
struct LostEvents {
  std::uint64_t count = 0;
};
struct ResyncDone {
  std::uint32_t processes = 0;
};

// A person's word, through the control socket. No class: take it back.
struct ClassRequest {
  ProcKey key;
  std::string comm;
  bool clear = false;
  WorkloadClass klass = WorkloadClass::regular;
};

// A person's choice of a profile: for a process and what descends from it, or (no key) for every game.
struct ProfileRequest {
  std::optional<ProcKey> key;
  bool clear = false;         // by matching again, everywhere
  std::uint16_t profile = 0;  // number; 0: none, whatever matches
};

// What is known of every process may be another now: rules have changed.
struct LookAgain {};

using Event = std::variant<TaskEvent, CgroupEvent, ProcessFacts, LostEvents, ResyncDone, ClassRequest, ProfileRequest, LookAgain, DeviceOpened>;

}  // namespace vigil
