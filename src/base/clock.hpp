// SPDX-License-Identifier: GPL-2.0-only
//
// Time as the kernel half stamps it: CLOCK_MONOTONIC nanoseconds. Code that decides takes a `now`
// parameter instead of asking; only edges and the loop call monotonic_now().
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace vigil {

using Nanoseconds = std::chrono::nanoseconds;

inline std::uint64_t monotonic_now() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(ts.tv_nsec);
}

}  // namespace vigil
