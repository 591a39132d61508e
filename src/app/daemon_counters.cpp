// SPDX-License-Identifier: GPL-2.0-only
//
// The memory counters' place in the daemon: opened for memory-bound processes, read when their run time asks for it, handed
// to who follows memory.
#include "app/daemon.hpp"

namespace vigil::app {

namespace {
constexpr log::Logger kLog{"vigil"};
}

void Daemon::start_counters() {
  if (!classifier_) {
    if (options_.simulate_cxl) kLog.warn("--simulate cxl has no effect: without BPF programs nobody knows when memory-bound tasks run");
    return;
  }
  PmuWatchOptions options;
  options.sysfs_root = options_.sysfs_root;
  options.proc_root = options_.proc_root;
  options.simulate = options_.simulate_cxl;
  counters_ = std::make_unique<MemoryCounters>(classifier_->events_object(), std::move(options));
  if (machine_) counters_->set_machine(machine_->topology(), machine_->devices());
}

void Daemon::on_sample_due() {
  if (!counters_ || !memory_) return;
  const auto measured = counters_->on_sample();
  if (!measured) return;
  for (const auto node : measured->gone) memory_->forget_node(node);
  for (const auto& node : measured->nodes) memory_->take(node);
}

}  // namespace vigil::app
