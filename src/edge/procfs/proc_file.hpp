// SPDX-License-Identifier: GPL-2.0-only
//
// Small files of /proc/PID. Private to edge/procfs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vigil::edge {

// The kernel counts start times in USER_HZ there, which is 100 on every architecture we run on.
inline constexpr std::uint64_t kProcTickNs = 10'000'000;

// At most 64 KiB; absent when it cannot be read.
std::optional<std::string> read_proc_file(const std::string& path);
std::optional<std::string> read_proc_file(int folder, const char* name);

}  // namespace vigil::edge
