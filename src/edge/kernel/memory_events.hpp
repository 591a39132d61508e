// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel half of watching memory-bound processes: run time by node and moves between nodes (memory.bpf.c), and what
// DAMON finds (damon.bpf.c), summed up in the kernel. Loaded when the first such process appears; attached while there is one.
//
// The two objects load and fail alone: without DAMON's tracepoint, run times are still known.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/memory/access.hpp"
#include "edge/kernel/bpf_object.hpp"
#include "edge/kernel/map_memory.hpp"

namespace vigil {

// What DAMON saw of one process since it was last told of.
struct AccessReport {
  std::uint64_t span_ns = 0;  // 0: the first
  std::uint64_t hot_bytes = 0, warm_bytes = 0, cold_bytes = 0;  // cold: of the addresses watched, also where nothing lies
  std::uint64_t page_uses = 0;  // 4 KiB pages times how often each was found used, in the last aggregation
  std::uint64_t cost_ns = 0;    // CPU time of the kernel thread that watches
  std::uint64_t samples = 0;    // pages looked at
  std::uint32_t aggregations = 0, regions = 0;
  std::uint32_t kdamond = 0;
  std::vector<memory::AddressRange> hot;  // the largest runs
};

struct MemoryEvent {
  enum class Kind : std::uint8_t {
    seen,    // a memory-bound process ran for the first time
    busy,    // it ran as long as it was to be told of
    gone,
    access,  // see `access`
    idle,    // it is watched, but hardly runs
  };
  Kind kind = Kind::seen;
  ProcKey key;
  std::uint64_t at_ns = 0;
  std::uint64_t ran_ns = 0;  // of the process
  AccessReport access;
};

struct ProcessRun {
  std::uint64_t ran_ns = 0;
  std::uint64_t node_moves = 0;
  std::vector<std::uint64_t> node_ns;  // by node
};

class MemoryEvents {
 public:
  using OnEvent = std::function<void(const MemoryEvent&)>;

  // `events` owns the verdicts of all tasks.
  static Result<MemoryEvents> load(const BpfObject& events);

  Result<void> attach();
  void detach();
  bool attached() const { return !links_.empty(); }

  // Readable when records wait.
  int fd() const { return memory_.map_fd("mem_events"); }
  // At most `limit` records; true when none is left.
  bool drain(std::size_t limit, const OnEvent& on_event);

  // The node of each CPU, by number; nothing where it is unknown.
  void set_nodes(std::span<const std::optional<std::uint32_t>> node_of_cpu);
  // Run time after which a process that is first seen is told of as busy.
  void set_busy_after(std::uint64_t ran_ns);
  // Tell of this process as busy again, when it has run this long in all.
  void tell_when_ran(const ProcKey& key, std::uint64_t ran_ns);
  std::optional<ProcessRun> run_of(const ProcKey& key) const;
  // Run time of all tasks since attach(), by CPU; never read by a system call.
  std::uint64_t busy_ns(std::uint32_t cpu) const;

  // DAMON. Code ESRCH: this kernel has no such tracepoint.
  Result<void> load_damon();
  bool damon_loaded() const { return damon_.get() != nullptr; }
  // While at least one kdamond is listened to, the tracepoint is attached. `samples`: in an aggregation.
  Result<void> listen(std::uint32_t kdamond, const ProcKey& process, std::uint32_t samples);
  void ignore(std::uint32_t kdamond);

  // Records that did not fit the ring, since the start.
  std::uint64_t lost() const;
  std::uint64_t aggregations() const;

 private:
  std::uint64_t global(const BpfObject& object, const char* name) const;

  BpfObject memory_, damon_;
  std::vector<BpfLink> links_, damon_links_;
  std::size_t listening_ = 0;
  struct Batch {
    const OnEvent* on_event = nullptr;
    std::size_t left = 0;
    bool full = false;
  };
  std::unique_ptr<Batch> batch_;
  Handle<ring_buffer, ring_buffer__free> ring_;
  MapMemory config_, cpus_;
};

}  // namespace vigil
