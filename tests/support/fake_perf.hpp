// SPDX-License-Identifier: GPL-2.0-only
//
// Counters that say what a test wants: refused, taken by others, vanished, wrapped.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "edge/pmu/perf_calls.hpp"

namespace vigil::test {

class FakePerf {
 public:
  struct Event {
    perf_event_attr attr{};
    std::uint32_t cpu = 0;
    int leader = -1;
  };

  int refuse = 0;                           // errno of every open
  int refuse_joined = 0;                    // errno of opens with more than one bit in config's low word
  int read_error = 0;                       // errno of every read; -1: end of file
  std::uint64_t enabled = 0, running = 0;   // of every group
  std::map<std::uint64_t, std::uint64_t> counts;  // by config
  std::vector<Event> opened;                // in order, also those closed since
  std::size_t reads = 0;

  edge::PerfCalls calls() {
    edge::PerfCalls out;
    out.open = [this](const perf_event_attr& what, std::uint32_t cpu, int leader) {
      if (refuse) return -refuse;
      if (refuse_joined && __builtin_popcountll(what.config & 0xffffffff) > 1) return -refuse_joined;
      // A descriptor that can be closed like a real one.
      const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      opened.push_back({what, cpu, leader});
      groups_[leader < 0 ? fd : leader].resize(leader < 0 ? 0 : groups_[leader].size());
      groups_[leader < 0 ? fd : leader].push_back(what.config);
      return fd;
    };
    out.read = [this](int fd, void* buffer, std::size_t bytes) -> ssize_t {
      ++reads;
      if (read_error == -1) return 0;
      if (read_error) return -read_error;
      const auto& configs = groups_[fd];
      std::vector<std::uint64_t> words = {configs.size(), enabled, running};
      for (const auto config : configs) words.push_back(counts[config]);
      if (bytes < words.size() * 8) return -ENOSPC;
      std::memcpy(buffer, words.data(), words.size() * 8);
      return static_cast<ssize_t>(words.size() * 8);
    };
    return out;
  }

 private:
  std::map<int, std::vector<std::uint64_t>> groups_;  // by the leader's descriptor
};

}  // namespace vigil::test
