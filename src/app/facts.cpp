// SPDX-License-Identifier: GPL-2.0-only
#include "app/facts.hpp"

#include "base/text.hpp"

namespace vigil::app {

std::string script_of(std::string_view comm, const ProcessFacts& facts) {
  if (comm.empty() || base_name(facts.exe).starts_with(comm)) return {};
  for (std::size_t i = 1; i < facts.argv.size() && i < 4; ++i)
    if (base_name(facts.argv[i]).substr(0, classify::kMaxComm) == comm) return facts.argv[i];
  return {};
}

classify::Facts describe_process(const ProcessFacts& facts, const edge::ProcessReader::Identity& identity) {
  using classify::KernelFlag;
  classify::Facts out;
  out.exe = facts.exe;
  out.script = script_of(identity.comm, facts);
  out.argv = facts.argv;
  out.env = facts.env;
  out.comm = identity.comm;
  out.cgroup = facts.cgroup_path;
  out.uid = identity.uid;
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
