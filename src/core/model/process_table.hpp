// SPDX-License-Identifier: GPL-2.0-only
//
// The processes that have something to say: those whose class is not regular, or that the daemon is to look at closer.
// Everything else stays in the kernel, which decides alike for all.
//
// Keyed by (tgid, start time): a reused pid is another process.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/event.hpp"

namespace vigil {

struct Process {
  ProcKey key;
  std::uint32_t ppid = 0;
  std::uint32_t uid = 0;
  std::string comm;
  std::string exe;     // base name from the kernel, full path once it was read
  std::string title;   // what people call it: a Windows program's file name, a VM's name
  TaskVerdict verdict; // of the leader
  std::uint32_t devices = 0;  // what it has opened, as far as some rule asks: DeviceOpened::devices
  std::uint32_t visit = 0;
};

class ProcessTable {
 public:
  // More than any machine has that is sane; beyond it the oldest knowledge is not kept (explain asks the kernel anyway).
  static constexpr std::size_t kMax = 262144;

  // The entry for the event's process, made when needed; null when the table is full.
  Process* upsert(const TaskEvent& event);
  const Process* find(const ProcKey& key) const;
  Process* find(const ProcKey& key);
  // By pid alone, for people: the youngest process that has it.
  const Process* find_tgid(std::uint32_t tgid) const;
  void erase(const ProcKey& key);

  // Between begin_visit() and sweep() every live process is upserted; the others are gone. How many were swept.
  void begin_visit() { ++visit_; }
  std::size_t sweep();

  std::size_t size() const { return processes_.size(); }
  auto begin() const { return processes_.begin(); }
  auto end() const { return processes_.end(); }

 private:
  std::unordered_map<ProcKey, Process> processes_;
  std::unordered_map<std::uint32_t, ProcKey> youngest_;
  std::uint32_t visit_ = 0;
};

}  // namespace vigil
