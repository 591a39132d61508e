// SPDX-License-Identifier: GPL-2.0-only
#include "core/model/process_table.hpp"

namespace vigil {

Process* ProcessTable::upsert(const TaskEvent& event) {
  const ProcKey& key = event.verdict.key;
  auto it = processes_.find(key);
  if (it == processes_.end()) {
    if (processes_.size() >= kMax) return nullptr;
    it = processes_.emplace(key, Process{}).first;
    it->second.key = key;
    auto& youngest = youngest_[key.tgid];
    if (youngest.start_ns <= key.start_ns) youngest = key;
  }
  Process& process = it->second;
  process.visit = visit_;
  process.ppid = event.ppid;
  process.uid = event.uid;
  if (event.kind == Cause::exec) process.devices = 0;
  if (event.leader) {
    process.comm = event.comm;
    process.verdict = event.verdict;
  }
  if (!event.exe.empty()) process.exe = event.exe;
  return &process;
}

const Process* ProcessTable::find(const ProcKey& key) const {
  const auto it = processes_.find(key);
  return it == processes_.end() ? nullptr : &it->second;
}

Process* ProcessTable::find(const ProcKey& key) {
  const auto it = processes_.find(key);
  return it == processes_.end() ? nullptr : &it->second;
}

const Process* ProcessTable::find_tgid(std::uint32_t tgid) const {
  const auto it = youngest_.find(tgid);
  return it == youngest_.end() ? nullptr : find(it->second);
}

void ProcessTable::erase(const ProcKey& key) {
  processes_.erase(key);
  const auto it = youngest_.find(key.tgid);
  if (it != youngest_.end() && it->second == key) youngest_.erase(it);
}

std::size_t ProcessTable::sweep() {
  std::vector<ProcKey> gone;
  for (const auto& [key, process] : processes_)
    if (process.visit != visit_) gone.push_back(key);
  for (const auto& key : gone) erase(key);
  return gone.size();
}

}  // namespace vigil
