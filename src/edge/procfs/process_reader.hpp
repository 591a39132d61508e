// SPDX-License-Identifier: GPL-2.0-only
//
// What /proc says of one process, read once, in answer to an event or a person's question. `root` is a parameter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "core/event.hpp"

namespace vigil::edge {

class ProcessReader {
 public:
  explicit ProcessReader(std::string root = "/proc") : root_(std::move(root)) {}

  // What a rule asks for beyond the executable's path and the arguments.
  struct Wanted {
    bool environment = false;
    bool cgroup = false;
  };
  // Of this very process (at most 64 KiB of each): if the pid is another's by now, it does not exist.
  ProcessFacts read(const ProcKey& key, const Wanted& wanted) const;

  struct Identity {
    ProcKey key;
    std::uint32_t ppid = 0;
    std::uint32_t threads = 0;
    std::string comm;
    std::uint64_t start_ticks = 0;
    // Of the process's first thread.
    std::optional<std::uint32_t> uid;
    int nice = 0;
    bool realtime = false;  // SCHED_FIFO, SCHED_RR or SCHED_DEADLINE
    bool kernel_thread = false;
    bool worker = false;    // of a workqueue
    bool in_pid_namespace = false;
  };
  // Of the process a pid or thread id belongs to; absent when there is none. start_ns is exact to a clock tick only.
  std::optional<Identity> identify(std::uint32_t pid) const;
  // Path in the unified hierarchy; "" when unknown.
  std::string cgroup_path(std::uint32_t pid) const;

 private:
  std::string root_;
};

}  // namespace vigil::edge
