// SPDX-License-Identifier: GPL-2.0-only
#include "app/facts.hpp"

namespace vigil::app {

classify::Facts describe_process(const ProcessFacts& facts, std::string_view comm, std::optional<std::uint32_t> uid) {
  classify::Facts out;
  out.exe = facts.exe;
  out.script = classify::script_of(comm, facts.exe, facts.argv);
  out.argv = facts.argv;
  out.env = facts.env;
  out.comm = comm;
  out.cgroup = facts.cgroup_path;
  out.uid = uid;
  return out;
}

classify::Facts describe_process(const ProcessFacts& facts, const edge::ProcessReader::Identity& identity) {
  using classify::KernelFlag;
  auto out = describe_process(facts, identity.comm, identity.uid);
  const auto flag = [&](KernelFlag which, bool set) {
    if (set) out.flags |= classify::flag_bit(which);
  };
  flag(KernelFlag::kthread, identity.kernel_thread);
  flag(KernelFlag::kworker, identity.worker);
  flag(KernelFlag::pidns, identity.in_pid_namespace);
  flag(KernelFlag::nice, identity.nice > 0);
  flag(KernelFlag::realtime, identity.realtime);
  flag(KernelFlag::script, !out.script.empty());
  return out;
}

}  // namespace vigil::app
