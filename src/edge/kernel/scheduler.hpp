// SPDX-License-Identifier: GPL-2.0-only
//
// The sched_ext scheduler: loaded, attached, watched, taken down.
//
// Attachment is a link that the kernel drops when the last descriptor of it is closed: whatever happens to the daemon, the
// kernel's own scheduler is back at once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/workload_class.hpp"
#include "core/policy/cpu_sets.hpp"
#include "core/policy/tunables.hpp"
#include "core/topology/sched_topology.hpp"
#include "edge/kernel/bpf_object.hpp"
#include "edge/kernel/map_memory.hpp"

namespace vigil {

struct SchedOptions {
  SchedTopology topology;
  SchedTunables tunables = SchedTunables::defaults();
  // The events object, whose maps `tasks` and `events` the scheduler then shares. Null: it has its own, and every task
  // is `regular` until somebody writes into its `tasks`.
  const BpfObject* events = nullptr;
  // The name of ours that is attached and whose place it is to take: that one is no obstacle.
  std::string replaces;
  // The same object without steering, preemption, judging and groups; the ops name then ends with "_plain".
  bool plain = false;
  std::string name = "vigil_" VIGIL_VERSION;  // in /sys/kernel/sched_ext/root/ops
};

struct SchedExit {
  std::uint32_t kind = 0;  // enum scx_exit_kind of the running kernel
  std::int64_t code = 0;
  std::string reason;      // the kernel's words for the kind
  std::string message;
  std::string dump;        // the kernel's debug dump, cut where the map ends

  bool by_owner() const { return kind == 64; }  // we took it down ourselves
  bool by_sysrq() const { return kind == 67; }
  bool is_error() const { return kind >= 1024; }
  // One sentence for people.
  std::string sentence() const;
};

struct SchedStats {
  static constexpr std::size_t kWaitBuckets = 20;  // bucket n: [2^n, 2^(n+1)) microseconds, 0: below 2
  std::uint64_t switches = 0, direct = 0, queued = 0, pinned = 0, kthreads = 0, kept = 0, moved_cpu = 0, moved_llc = 0,
                stolen = 0, balanced = 0, kicks = 0, held_back = 0, no_room = 0, yielded = 0, no_storage = 0, steered = 0, spilled = 0,
                profile_inside = 0, profile_outside = 0, strict_waits = 0, workers_promoted = 0, groups_full = 0, groups_limited = 0, near_inside = 0,
                near_outside = 0, handed = 0, overtaken = 0;
  std::array<std::uint64_t, kWorkloadClassCount> class_runs{}, class_ns{};
  std::array<std::array<std::uint64_t, kWaitBuckets>, kWorkloadClassCount> wait{};

  // Upper end, in microseconds, of the bucket that `fraction` of a class's waits do not exceed; nothing without waits.
  std::optional<std::uint64_t> wait_quantile_us(WorkloadClass klass, double fraction) const;
};

class Scheduler {
 public:
  // Opens, fits to the running kernel and loads; attaches nothing yet. Refuses with probe_scx()'s sentence where the
  // kernel cannot, or another scheduler is there.
  static Result<Scheduler> load(const SchedOptions& options);

  Result<void> attach();
  void detach() { link_.reset(); }
  // Takes the place of another of ours that is attached: between the two the kernel's own scheduler has the machine,
  // for some milliseconds. Counters go on from where that one's stood.
  Result<void> replace(Scheduler& other);

  // By our link and the exit record: false as soon as the kernel has ejected us.
  bool is_attached() const;
  // Why it ended; nothing while it runs or before it was attached.
  std::optional<SchedExit> exit_info() const;

  void set_tunables(const SchedTunables& tunables);
  // As the kernel half has them now.
  SchedTunables tunables() const;
  // What memory makes of a process's tasks: they prefer the CPUs near this node, and are due so much sooner. In force at their
  // next request. Neither: as their class says.
  void set_memory_hint(const ProcKey& process, std::optional<std::uint32_t> near_node, std::int32_t lead_us);

  // What it was told of the machine last.
  const SchedTopology& topology() const { return topology_; }
  // Whether it can be told of this one while it runs: the same queues for the same CPUs, and nothing it took for
  // constant when it was loaded is otherwise. Else another has to be loaded, and to replace() it.
  bool fits(const SchedTopology& topology) const;
  // Writes what is different; returns how many entries that were. `topology` must fit.
  Result<std::uint32_t> set_topology(const SchedTopology& topology);

  // The CPUs of a set, in force at once, before or after the attachment; nothing is written when they are what they were.
  // CPUs that the scheduler was not told of at load are left out. Returns whether something was written.
  Result<bool> set_cpu_set(policy::CpuSetId id, const CpuSet& cpus);

  SchedStats read_stats() const;
  const std::string& name() const { return name_; }
  const BpfObject& object() const { return object_; }

 private:
  std::string name_;
  std::uint32_t cpus_ = 0;
  bool plain_ = false;
  SchedTopology topology_;
  SchedStats carried_;  // counted by those whose place it took
  BpfObject object_;
  BpfLink link_;
  MapMemory tunables_, stats_, exit_;
  policy::CpuSets sets_;
};

}  // namespace vigil
