// SPDX-License-Identifier: GPL-2.0-only
//
// Who tells that memory-bound tasks have run, so that counters are worth reading: the scheduler while it is attached, else a
// program on the kernel's own accounting, attached only while it is asked to. Requests come as SAMPLE records in the event
// ring; while nobody accounts, none comes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "edge/kernel/bpf_object.hpp"
#include "edge/kernel/map_memory.hpp"

namespace vigil {

enum class Accountant : std::uint8_t { nobody, kernel, scheduler };

class Sampling {
 public:
  // `events` owns the ring, the verdicts and the map; it outlives this.
  static Result<Sampling> create(const BpfObject& events);

  // An error: the kernel's accounting cannot be followed, so nothing is asked for. The program is loaded when first needed.
  Result<void> set_accountant(Accountant who);
  // Between two requests, at least; and not sooner than that from now.
  void set_interval(std::chrono::nanoseconds interval, std::uint64_t now);

  std::uint64_t ran_ns() const;  // run time of memory-bound tasks that was accounted so far
  std::uint64_t asked() const;   // requests so far

 private:
  Sampling() = default;
  const BpfObject* events_ = nullptr;
  BpfObject program_;
  bool loaded_ = false;
  BpfLink link_;
  MapMemory memory_;
};

}  // namespace vigil
