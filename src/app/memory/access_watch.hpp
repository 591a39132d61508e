// SPDX-License-Identifier: GPL-2.0-only
//
// Has DAMON watch memory-bound processes while they run: a kernel thread for each, started when a process has shown to be
// busy and large, looking less often when it costs too much, taken back when the process sleeps or ends. With the last one
// DAMON is left as it was found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/memory/access.hpp"
#include "core/memory/model.hpp"
#include "edge/damon/damon_admin.hpp"
#include "edge/kernel/memory_events.hpp"

namespace vigil::app {

class AccessWatch {
 public:
  AccessWatch(edge::DamonPaths paths, std::string proc_root) : admin_(std::move(paths)), proc_root_(std::move(proc_root)) {}

  // What a daemon that was killed had left behind, put back; a sentence each.
  std::vector<std::string> recover() { return admin_.recover(); }

  struct Cost {
    std::optional<double> cpu_share{};           // of one core, in the last interval told of
    std::optional<double> samples_per_second{};
    std::uint32_t sample_us = 0, aggregation_us = 0;
  };

  // Starts to watch. An error says why not; code EBUSY and ENOENT as in DamonAdmin, EAGAIN: not now (too small, too many).
  Result<void> start(MemoryEvents& events, const ProcKey& key, const memory::Settings& settings);
  void stop(MemoryEvents& events, const ProcKey& key);
  void stop_all(MemoryEvents& events);
  bool watches(const ProcKey& key) const { return watched_.contains(key); }
  std::size_t count() const { return watched_.size(); }
  std::optional<Cost> cost(const ProcKey& key) const;
  bool stopped_damon_stat() const { return admin_.stopped_damon_stat(); }

  // What a report of DAMON's comes to, with where the pages are and where the process ran.
  memory::AccessSample sample(MemoryEvents& events, const MemoryEvent& event, const memory::Settings& settings);

 private:
  struct Watched {
    edge::DamonAdmin::Watching damon;
    memory::Backoff backoff;
    ProcessRun run;  // at the last report
    std::uint64_t round = 0;
    Cost cost;
  };
  std::optional<std::uint64_t> resident_bytes(std::uint32_t tgid) const;
  void weigh(MemoryEvents& events, const ProcKey& key, Watched& watched, const MemoryEvent& event, const memory::Settings& settings);

  edge::DamonAdmin admin_;
  std::string proc_root_;
  std::unordered_map<ProcKey, Watched> watched_;
};

}  // namespace vigil::app
