// SPDX-License-Identifier: GPL-2.0-only
//
// The classifying half in the kernel: tracepoints that decide, tables they decide by, iterators that catch up.
//
// Order of a start: load(), install_rules(), attach(), enable(), run the snapshot; then drain() whenever events_fd() is
// readable. Nothing here decides anything.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "abi.h"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "edge/kernel/bpf_object.hpp"
#include "edge/kernel/map_memory.hpp"
#include "wire/rule_tables.hpp"

namespace vigil {

struct ClassifierOptions {
  // Bytes of the ring; a power of two. Small ones are for tests that want losses.
  std::uint32_t ring_bytes = 1 << 20;
  // A mask of classes whose news may wait: builds and helpers come and go by the thousand.
  std::uint32_t may_wait = 1U << VIGIL_CLASS_REGULAR | 1U << VIGIL_CLASS_BATCH | 1U << VIGIL_CLASS_KWORKER;
};

class Classifier {
 public:
  using OnRecord = std::function<void(std::span<const std::byte>)>;

  static Result<Classifier> load(const ClassifierOptions& options);
  Classifier(Classifier&&) = default;
  Classifier& operator=(Classifier&&) = default;
  ~Classifier();

  // Atomic: events are decided by the old tables until the new ones are complete. Tasks keep their old verdicts until
  // snapshot() visits them.
  Result<void> install_rules(const wire::RuleTables& tables);
  // By number - 1; a number beyond the end, or without VIGIL_PROFILE_USED, means no profile. In force at once.
  void set_profiles(std::span<const vigil_profile> profiles);
  // A person's choice for every game: a number with VIGIL_PROFILE_MARK, 0 for none made.
  void set_profile_for_games(std::uint32_t profile);
  // Before a second install_rules(): what the old rules' numbers become with it (abi.h, `heirs`).
  Result<void> install_heirs(std::span<const vigil_decision> heirs);
  std::uint32_t generation() const { return generation_; }

  Result<void> attach();
  void enable();

  // Decides every cgroup and task that no event has decided under the rules in force, and hands over a record for each
  // that has something to say (`all`: for each process). Cgroup records first.
  struct SnapshotTotals {
    std::uint32_t tasks = 0;
    std::uint32_t decided = 0;
  };
  using OnCgroup = std::function<void(const vigil_snap_cgroup&)>;
  Result<SnapshotTotals> snapshot(bool all, const OnCgroup& on_cgroup, const OnRecord& on_task);
  // By class, now.
  struct ClassCounts {
    std::array<std::uint32_t, VIGIL_CLASS_COUNT> processes{};
    std::array<std::uint32_t, VIGIL_CLASS_COUNT> tasks{};
  };
  Result<ClassCounts> count_classes();

  // Programs executed below one process in a second that make a storm (abi.h); 0: there are no storms.
  void set_storm(std::uint32_t execs);
  // Takes back what rested on storms that are over, and hands over a record for each process whose class that changed and
  // that was told of. The tasks that still belong to one.
  Result<std::uint32_t> calm(const OnRecord& on_task);
  // The latest storms, also those that are over.
  std::vector<vigil_storm> storms() const;

  // Readable when records wait.
  int events_fd() const { return events_.map_fd("events"); }
  // Hands over at most `limit` records; true when the ring was emptied.
  bool drain(std::size_t limit, const OnRecord& on_record);

  // Written by the kernel, read without a system call.
  const vigil_counters& counters() const { return *counters_; }
  void set_stream_all(bool on);
  // While off, news of classes that nobody acts upon at once (ClassifierOptions::may_wait) stays in the ring until something
  // else wakes the reader, or a quarter of it is full. So drain() before answering about what has happened.
  void set_prompt(bool on);
  bool stream_all() const;

  // A decision for every thread of a process (pid 0) or for one. The number of threads changed; 0: it is gone.
  Result<std::uint32_t> assign(const vigil_assign& request);
  // The verdict of one task; absent when the task is gone or has none yet.
  std::optional<vigil_verdict> verdict(std::uint32_t pid) const;
  std::optional<vigil_cgroup> cgroup(std::uint64_t id) const;

  const BpfObject& events_object() const { return events_; }

 private:
  Classifier() = default;
  Result<std::string> read_iterator(int link_fd);
  void forget_generation(std::uint32_t generation);

  BpfObject events_, snapshot_;
  std::vector<BpfLink> links_;
  Handle<ring_buffer, ring_buffer__free> ring_;
  struct Batch {
    const OnRecord* on_record = nullptr;
    std::size_t left = 0;
    bool full = false;
  };
  std::unique_ptr<Batch> batch_;
  MapMemory config_map_, counters_map_, profiles_map_;
  vigil_config* config_ = nullptr;      // in config_map_
  vigil_counters* counters_ = nullptr;  // in counters_map_
  std::uint32_t generation_ = 0;
};

}  // namespace vigil
