// SPDX-License-Identifier: GPL-2.0-only
//
// What the kernel half has decided about a task, as values. Mirrors bpf/abi.h's struct vigil_verdict; wire/ converts and
// asserts that the numbers agree.
#pragma once

#include <array>
#include <cstdint>

#include "base/ids.hpp"
#include "base/workload_class.hpp"

namespace vigil {

// Strongest first; the first level that has a decision is in force.
enum class Level : std::uint8_t { user = 0, thread = 1, image = 2, cgroup = 3, ancestry = 4, none = 5 };
inline constexpr std::size_t kLevelCount = 5;

enum class Source : std::uint8_t { kernel = 0, daemon = 1, user = 2 };

// The rule number of a decision that no rule made: a person's.
inline constexpr std::uint32_t kRuleUser = 0xffffffff;
// ... or the profile's that is in force.
inline constexpr std::uint32_t kRuleProfile = 0xfffffffe;

struct Decision {
  static constexpr std::uint8_t kInherit = 1, kRefine = 2, kBoundary = 4, kMemory = 8, kVcpu = 16;

  std::uint32_t rule = 0;  // 0: nothing decided
  WorkloadClass klass = WorkloadClass::regular;
  std::uint8_t kind = 0;
  std::uint8_t flags = 0;
  Source source = Source::kernel;

  bool operator==(const Decision&) const = default;
};

// What brought the last change of a verdict.
enum class Cause : std::uint8_t {
  none = 0, fork = 1, exec = 2, exit = 3, rename = 4, cgroup_attach = 7, snapshot = 8, assign = 9, storm = 11,
};

struct TaskVerdict {
  WorkloadClass klass = WorkloadClass::regular;
  std::uint8_t kind = 0;
  Level level = Level::none;
  std::uint8_t flags = 0;
  std::uint32_t appid = 0;
  Cause cause = Cause::none;
  std::uint16_t truncated = 0;
  std::array<Decision, kLevelCount> decisions{};
  ProcKey key;
  std::uint32_t pid = 0;
  std::uint32_t inherited_from = 0;
  CgroupId cgroup;
  std::uint64_t event_ns = 0;
  std::uint64_t decided_ns = 0;
  std::array<std::uint32_t, 6> evidence{};
  std::uint32_t gen = 0;
  std::uint32_t marks = 0;
  std::uint16_t profile = 0;    // number of the profile in force, 0 none
  std::uint16_t matched = 0;    // number of the one that matching says
  bool profile_chosen = false;  // for this process or a tree it belongs to, by a person
  bool by_daemon = false;       // there is no kernel half: all of it was decided from netlink events

  const Decision* in_force() const {
    return level == Level::none ? nullptr : &decisions[static_cast<std::size_t>(level)];
  }

  // Some level takes it for a game, whatever is in force.
  bool is_game() const {
    for (const auto& decision : decisions)
      if (decision.rule && decision.klass == WorkloadClass::gaming) return true;
    return false;
  }
  // Steam's number for the game; 0 unknown, and for who only carries one in its environment, as a shell that a game has started.
  std::uint32_t game_appid() const { return is_game() ? appid : 0; }

  // From the event to the verdict being in force. What the kernel half decides, it decides inside the event: nothing of the
  // task runs in between, and this is 0. A decision of the daemon or a person comes later.
  std::uint64_t decided_after_ns() const { return in_kernel() ? 0 : between(); }
  // How long the kernel half took over it, inside the event; 0 where it was not decided there.
  std::uint64_t hook_ns() const { return in_kernel() ? between() : 0; }
  bool in_kernel() const { return !by_daemon && cause != Cause::assign; }

 private:
  std::uint64_t between() const { return decided_ns > event_ns ? decided_ns - event_ns : 0; }
};

}  // namespace vigil
