// SPDX-License-Identifier: GPL-2.0-only
//
// What is known of a task when it is judged, and how a pattern is held against it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/classify/rule.hpp"

namespace vigil::classify {

// How far the kernel half looks; both evaluations keep to it, so that they agree.
inline constexpr std::size_t kMaxArgs = 64;
inline constexpr std::size_t kMaxDirs = 8;
inline constexpr std::size_t kMaxComm = 15;

struct Decision {
  std::uint32_t rule = 0;  // 0: none
  WorkloadClass klass = WorkloadClass::regular;
  std::uint8_t kind = 0;
  std::uint8_t flags = 0;
  bool operator==(const Decision&) const = default;
};

struct Facts {
  std::string exe = {};                // path, or only a base name; "" for kernel threads
  std::string script = {};             // path of the #! script, "" when there is none
  std::vector<std::string> argv = {};
  std::vector<std::string> env = {};   // NAME=value
  std::string comm = {};               // thread name; its first 15 bytes count
  std::string cgroup = {};             // path in the unified hierarchy
  std::optional<std::uint32_t> uid = {};
  std::uint32_t flags = 0;        // flag_bit(KernelFlag)
  std::uint32_t devices = 0;      // device_bit(DeviceKind): opened by this image
  // From before this image:
  Decision previous = {};              // the decision that was in force (rule 0: none)
  bool previous_known = true;
  std::uint32_t marks = 0;        // bits of RuleSet::marks
};

// `any` always, `script` where there is one, the others by their bit.
bool has_flag(const Facts& facts, KernelFlag flag);

// A script's process is named after the script while its executable is the interpreter: which argument that is; "" when it
// is none.
std::string script_of(std::string_view comm, std::string_view exe, const std::vector<std::string>& argv);
// argv[0] behind its last '/' or '\'.
std::string_view arg0_name(std::string_view arg0);
// The components of a cgroup path, root first.
std::vector<std::string_view> path_components(std::string_view path);
// The nearest kMaxDirs folders of an executable's path, nearest first.
std::vector<std::string_view> nearest_dirs(std::string_view exe);
// The number at the start of `text`; absent when there is none, when it is 0 or does not fit.
std::optional<std::uint32_t> leading_number(std::string_view text);

// The first value of the facts that the pattern matches; absent when none does. Flags and uid give their name.
// A cgroup pattern is held against every component.
std::optional<std::string> find_match(const Pattern& pattern, const Facts& facts);

}  // namespace vigil::classify
