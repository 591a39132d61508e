// SPDX-License-Identifier: GPL-2.0-only
//
// Numbers that must not be mixed up, as types.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace vigil {

struct CpuId {
  std::uint32_t v = 0;
  auto operator<=>(const CpuId&) const = default;
};

// The kernel's 64-bit id of a cgroup in the v2 hierarchy: the inode number of its folder.
struct CgroupId {
  std::uint64_t v = 0;
  auto operator<=>(const CgroupId&) const = default;
};

// A process, for ever: pids are reused, (tgid, start) is not. start_ns is the leader's
// task_struct::start_boottime (field 22 of /proc/PID/stat, there in clock ticks).
struct ProcKey {
  std::uint32_t tgid = 0;
  std::uint64_t start_ns = 0;
  auto operator<=>(const ProcKey&) const = default;
};

}  // namespace vigil

template <>
struct std::hash<vigil::ProcKey> {
  std::size_t operator()(const vigil::ProcKey& key) const noexcept {
    return std::hash<std::uint64_t>()(key.start_ns * 0x9e3779b97f4a7c15ULL ^ key.tgid);
  }
};

template <>
struct std::hash<vigil::CgroupId> {
  std::size_t operator()(const vigil::CgroupId& id) const noexcept { return std::hash<std::uint64_t>()(id.v); }
};
