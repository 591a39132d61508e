// SPDX-License-Identifier: GPL-2.0-only
//
// What the running kernel offers to a sched_ext scheduler, and whether somebody else has the place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"

struct btf;

namespace vigil {

enum class ScxState { absent, disabled, enabling, enabled, disabling };

struct ScxSupport {
  bool in_btf = false;    // struct sched_ext_ops is known: the kernel was built with sched_ext
  bool has_btf = false;   // /sys/kernel/btf/vmlinux can be read
  ScxState state = ScxState::absent;
  std::string ops;        // name of the scheduler that is attached; "" when none

  bool usable() const { return in_btf && state != ScxState::absent; }
  // Why Vigil's scheduler cannot be attached, and what to do; "" when it can.
  std::string obstacle() const;
};

// Asks the kernel. `sysfs_root` is "/sys" but for tests; the BTF is always the running kernel's.
ScxSupport probe_scx(const std::string& sysfs_root = "/sys");

// The sysfs part alone: no BTF is read.
void read_scx_state(ScxSupport& support, const std::string& sysfs_root = "/sys");

// Value of an enumerator by name in the kernel's BTF; nothing where this kernel has no such enumerator.
std::optional<std::uint64_t> btf_enumerator(const btf* kernel, const char* type, const char* name);
// Does a struct of the kernel have this member?
bool btf_has_member(const btf* kernel, const char* type, const char* member);

}  // namespace vigil
