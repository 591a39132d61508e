// SPDX-License-Identifier: GPL-2.0-only
//
// The system calls behind counters, as values, so that tests can answer as kernels and devices do that they have not got.
#pragma once

#include <linux/perf_event.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace vigil::edge {

struct PerfCalls {
  // A descriptor, or a negative errno. Whole CPUs only: no task is ever counted.
  std::function<int(const perf_event_attr& what, std::uint32_t cpu, int leader)> open;
  // Bytes, or a negative errno.
  std::function<ssize_t(int fd, void* buffer, std::size_t bytes)> read;

  static PerfCalls system();
};

}  // namespace vigil::edge
