// SPDX-License-Identifier: GPL-2.0-only
//
// What the daemon tells those who follow memory-bound processes, and what it does for them.
#include "app/daemon.hpp"
#include "app/tunables.hpp"
#include "wire/records.hpp"

namespace vigil::app {

void Daemon::start_memory() {
  if (!classifier_) return;  // without BPF nothing is known of how memory is used
  MemoryWatchOptions options;
  options.sysfs_root = options_.sysfs_root;
  options.proc_root = options_.proc_root;
  options.settings = options_.memory;
  options.state_file = options_.socket.substr(0, options_.socket.rfind('/')) + "/damon.state";
  MemoryWatch::Callbacks callbacks;
  callbacks.hint = [this](const ProcKey& key, const memory::Hint& hint) {
    if (scheduler_) scheduler_->set_memory_hint(key, hint.near, hint.lead_us);
  };
  callbacks.kworkers = [this] {
    if (scheduler_ && scheduler_->is_attached()) push_cpu_sets(*scheduler_);
  };
  callbacks.verdict = [this](std::uint32_t tgid) -> std::optional<std::pair<WorkloadClass, std::uint8_t>> {
    const auto raw = classifier_->verdict(tgid);
    if (!raw) return std::nullopt;
    const auto verdict = wire::decode_verdict(*raw);
    return std::pair{verdict.klass, verdict.flags};
  };
  callbacks.active = [this](bool active) {
    if (counters_) counters_->set_active(active);
  };
  memory_ = std::make_unique<MemoryWatch>(*loop_, classifier_->events_object(), std::move(options), std::move(callbacks));
  if (machine_) memory_->on_machine(machine_->topology());
  // Those that ran before.
  for (const auto& [key, process] : engine_.processes())
    memory_->on_verdict(key, process.comm, process.verdict.klass, process.verdict.flags);
}

void Daemon::follow_memory(const Event& event) {
  if (!memory_) return;
  if (const auto* task = std::get_if<TaskEvent>(&event)) {
    if (task->kind == Cause::exit)
      memory_->on_exit(task->verdict.key);
    else if (task->leader)
      memory_->on_verdict(task->verdict.key, task->comm, task->verdict.klass, task->verdict.flags);
  } else if (std::get_if<ResyncDone>(&event)) {
    // Exits may have been lost.
    for (const auto& key : memory_->model().processes())
      if (!engine_.processes().find(key) && !procfs_.identify(key.tgid)) memory_->on_exit(key);
  }
}

// A person's word or a closer look: what is in force now, the kernel knows.
void Daemon::follow_memory(const AssignClass& assigned) {
  if (!memory_) return;
  const auto raw = classifier_->verdict(assigned.key.tgid);
  if (!raw) return;
  const auto verdict = wire::decode_verdict(*raw);
  if (verdict.key == assigned.key) memory_->on_verdict(verdict.key, {}, verdict.klass, verdict.flags);
}

// The tunables of the configuration and the mode, with what memory makes of kernel workers.
SchedTunables Daemon::tunables(const policy::CpuSets& sets) const {
  SchedTunables out = tunables_of(options_, mode_in_force(), sets);
  if (!memory_) return out;
  auto& lead = out.classes[static_cast<std::size_t>(WorkloadClass::kworker)].lead_us;
  const auto sooner = static_cast<std::int64_t>(lead) + memory_->kworker_lead_us();
  lead = static_cast<std::uint32_t>(sooner < 0 ? 0 : sooner);
  return out;
}

}  // namespace vigil::app
