// SPDX-License-Identifier: GPL-2.0-only
#include "edge/kernel/sampling.hpp"

#include "abi.h"

extern "C" {
extern const std::byte vigil_bpf_sampling_start[], vigil_bpf_sampling_end[];
}

namespace vigil {

namespace {

static_assert(static_cast<int>(Accountant::nobody) == VIGIL_ACCOUNTS_NOBODY);
static_assert(static_cast<int>(Accountant::kernel) == VIGIL_ACCOUNTS_KERNEL);
static_assert(static_cast<int>(Accountant::scheduler) == VIGIL_ACCOUNTS_SCHEDULER);

}  // namespace

Result<Sampling> Sampling::create(const BpfObject& events) {
  Sampling out;
  out.events_ = &events;
  auto memory = MapMemory::map(events.map_fd("sampling"), sizeof(vigil_sampling), 1, true);
  if (!memory) return fail(std::move(memory).error());
  out.memory_ = std::move(*memory);
  return out;
}

Result<void> Sampling::set_accountant(Accountant who) {
  __atomic_store_n(&memory_.as<vigil_sampling>()->accountant, static_cast<__u32>(who), __ATOMIC_RELEASE);
  if (who != Accountant::kernel) {
    link_.reset();
    return {};
  }
  if (link_) return {};
  if (!loaded_) {
    auto object = BpfObject::open("sampling", {vigil_bpf_sampling_start, vigil_bpf_sampling_end});
    if (!object) return fail(std::move(object).error());
    for (const char* map : {"tasks", "events", "sampling"})
      if (auto shared = object->share_map(*events_, map); !shared) return fail(std::move(shared).error());
    if (auto done = object->load(); !done) return fail(std::move(done).error());
    program_ = std::move(*object);
    loaded_ = true;
  }
  auto link = program_.attach("on_runtime");
  if (!link) return fail(std::move(link).error());
  link_ = std::move(*link);
  return {};
}

void Sampling::set_interval(std::chrono::nanoseconds interval, std::uint64_t now) {
  auto* shared = memory_.as<vigil_sampling>();
  const auto ns = static_cast<__u64>(interval.count());
  __atomic_store_n(&shared->interval_ns, ns, __ATOMIC_RELAXED);
  __atomic_store_n(&shared->due_ns, now + ns, __ATOMIC_RELAXED);
}

std::uint64_t Sampling::ran_ns() const { return __atomic_load_n(&memory_.as<vigil_sampling>()->ran_ns, __ATOMIC_RELAXED); }
std::uint64_t Sampling::asked() const { return __atomic_load_n(&memory_.as<vigil_sampling>()->asked, __ATOMIC_RELAXED); }

}  // namespace vigil
