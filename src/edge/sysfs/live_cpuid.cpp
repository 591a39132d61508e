// SPDX-License-Identifier: GPL-2.0-only
#include "edge/sysfs/live_cpuid.hpp"

#include <sched.h>

#include <map>
#include <memory>
#include <optional>

#include "base/cpu_set.hpp"
#include "core/topology/cpuid.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace vigil {

#if defined(__x86_64__) || defined(__i386__)

namespace {

using namespace topology;

CpuidRegisters ask(std::uint32_t leaf, std::uint32_t subleaf) {
  CpuidRegisters r;
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  return r;
}

struct SetFree {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};
using OwnedSet = std::unique_ptr<cpu_set_t, SetFree>;

// Runs on another CPU for as long as it lives.
class Visit {
 public:
  explicit Visit(std::uint32_t cpu) : home_(CPU_ALLOC(kMaxCpus)) {
    const std::size_t size = CPU_ALLOC_SIZE(kMaxCpus);
    if (!home_ || ::sched_getaffinity(0, size, home_.get()) != 0) return;
    const OwnedSet there(CPU_ALLOC(kMaxCpus));
    if (!there) return;
    CPU_ZERO_S(size, there.get());
    CPU_SET_S(cpu, size, there.get());
    arrived_ = ::sched_setaffinity(0, size, there.get()) == 0;
  }
  ~Visit() {
    if (arrived_) (void)::sched_setaffinity(0, CPU_ALLOC_SIZE(kMaxCpus), home_.get());
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  bool arrived() const { return arrived_; }

 private:
  OwnedSet home_;
  bool arrived_ = false;
};

}  // namespace

CpuidProvider live_cpuid() {
  const auto here = cpuid_facts(ask);
  if (!here.ccd && !here.kind) return {};
  auto known = std::make_shared<std::map<std::uint32_t, std::optional<CpuidFacts>>>();
  return [known](std::uint32_t cpu) -> std::optional<CpuidFacts> {
    const auto [it, is_new] = known->try_emplace(cpu);
    if (is_new && cpu < kMaxCpus) {
      const Visit visit(cpu);
      if (visit.arrived()) it->second = cpuid_facts(ask);
    }
    return it->second;
  };
}

#else

topology::CpuidProvider live_cpuid() { return {}; }

#endif

}  // namespace vigil
