// SPDX-License-Identifier: GPL-2.0-only
//
// Does in user space what the kernel half does where it can be loaded: decides every process by the compiled tables, hands
// classes down at fork, keeps them over exec where a rule says so. Its answers are the events the kernel half would have told,
// so that the Engine does not know the difference.
//
// Pure: what is known of a process is given to it. What it cannot do: decide before the first instruction, follow moves between
// cgroups (they are seen at the next exec), tell the scheduler.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/workload_class.hpp"
#include "core/classify/compile.hpp"
#include "core/engine/process_image.hpp"
#include "core/event.hpp"

namespace vigil {

class UserClassifier {
 public:
  // Borrowed until replaced. Verdicts stay until found() visits their processes.
  void use(const classify::CompiledRules& rules) {
    rules_ = &rules;
    ++generation_;
  }
  std::uint32_t generation() const { return generation_; }

  TaskEvent on_exec(const ProcessImage& image, std::uint64_t at_ns, std::uint64_t now);
  // The child begins as its parent's copy. `start_ns` 0: not known, its first exec tells.
  TaskEvent on_fork(std::uint32_t parent, ProcKey child, std::uint64_t at_ns, std::uint64_t now);
  TaskEvent on_exit(std::uint32_t tgid, std::uint64_t at_ns);
  void on_thread_exit(std::uint32_t pid) { threads_.erase(pid); }

  // Renames: most names mean nothing to any rule, so the image is asked for only where one may speak of it.
  bool rename_matters(std::uint32_t pid, std::uint32_t tgid, const std::string& comm) const;
  // A new name that no rule speaks of.
  void rename_only(std::uint32_t pid, std::uint32_t tgid, const std::string& comm);
  // Without an image (nothing matched, or the process has gone) the thread's decision is only taken away.
  TaskEvent on_rename(std::uint32_t pid, std::uint32_t tgid, const std::string& comm, const ProcessImage* image,
                      std::uint64_t at_ns, std::uint64_t now);

  // A visit of all processes: parents before their children. What is not found in between is gone.
  void begin_visit() { ++visit_; }
  TaskEvent found(const ProcessImage& image, std::uint64_t now);
  void end_visit();

  // A decision for one level of a process; false when it is not known (any more).
  bool assign(const ProcKey& key, Level level, const Decision& decision, std::uint32_t appid, std::uint64_t at_ns,
              std::uint64_t now);

  // Of a process or one of its threads; absent when nothing is known of it.
  std::optional<TaskVerdict> verdict(std::uint32_t pid, std::uint32_t tgid) const;
  bool hands_down(std::uint32_t tgid) const;
  std::array<std::uint32_t, kWorkloadClassCount> count() const;

 private:
  struct Known {
    TaskVerdict verdict;
    std::uint32_t marks = 0;
    std::uint32_t ppid = 0, uid = 0;
    std::uint32_t visit = 0;
    std::uint64_t image = 0;  // a fingerprint: the same program with the same arguments
    std::string comm;
  };
  // Of a thread that a rule speaks of by its name.
  struct Thread {
    std::uint32_t tgid = 0;
    Decision decision;
  };

  TaskEvent event_of(const Known& known, Cause kind, std::uint64_t at_ns) const;
  // `before`: what it was, or its parent.
  void decide(Known& known, const ProcessImage& image, const Known& before, Cause cause, std::uint64_t at_ns, std::uint64_t now);

  const classify::CompiledRules* rules_ = nullptr;
  std::uint32_t generation_ = 0;
  std::uint32_t visit_ = 0;
  std::unordered_map<std::uint32_t, Known> known_;    // by process id
  std::unordered_map<std::uint32_t, Thread> threads_;  // by thread id
};

}  // namespace vigil
