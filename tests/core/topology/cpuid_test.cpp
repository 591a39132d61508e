// SPDX-License-Identifier: GPL-2.0-only
//
// The registers are those of real processors, from the dumps in anrieff/libcpuid (BSD-2-Clause).
#include "core/topology/cpuid.hpp"

#include <doctest/doctest.h>

#include <map>
#include <utility>

using namespace vigil::topology;

namespace {

using Dump = std::map<std::pair<std::uint32_t, std::uint32_t>, CpuidRegisters>;

CpuidFacts facts_of(const Dump& dump) {
  return cpuid_facts([&](std::uint32_t leaf, std::uint32_t subleaf) {
    const auto it = dump.find({leaf, subleaf});
    return it == dump.end() ? CpuidRegisters{} : it->second;
  });
}

Dump amd(std::uint32_t apic, std::initializer_list<CpuidRegisters> levels) {
  Dump dump = {{{0, 0}, {0x10, 0x68747541, 0x444d4163, 0x69746e65}}, {{0x80000000, 0}, {0x80000028, 0, 0, 0}}};
  std::uint32_t subleaf = 0;
  for (auto level : levels) {
    level.edx = apic;
    dump[{0x80000026, subleaf++}] = level;
  }
  return dump;
}

}  // namespace

TEST_CASE("cpuid: a 7900X3D has a die for every 16 APIC ids, and cores of one kind") {
  const auto cpu = [](std::uint32_t apic) {
    return facts_of(amd(apic, {{0x1, 0x2, 0x100, 0}, {0x4, 0xc, 0x201, 0}, {0x4, 0xc, 0x302, 0}, {0x5, 0x18, 0x403, 0}}));
  };
  CHECK(cpu(0x0b).ccd == 0);
  CHECK(cpu(0x10).ccd == 1);
  CHECK_FALSE(cpu(0).kind);
}

TEST_CASE("cpuid: Strix Point has two complexes on one die, and says which core is which kind") {
  const auto cpu = [](std::uint32_t apic, std::uint32_t kind) {
    return facts_of(amd(apic, {{0x60000001, kind << 28 | 2, 0x100, 0}, {0xc0000004, 0x8, 0x201, 0}, {0x40000005, 0x18, 0x302, 0}, {0x5, 0x18, 0x403, 0}}));
  };
  CHECK(cpu(0x05, 0) == CpuidFacts{0, CpuKind::performance});
  CHECK(cpu(0x10, 1) == CpuidFacts{0, CpuKind::efficiency});
}

TEST_CASE("cpuid: processors without the leaf say nothing") {
  Dump old = {{{0, 0}, {0x10, 0x68747541, 0, 0}}, {{0x80000000, 0}, {0x80000023, 0, 0, 0}}, {{0x80000026, 0}, {4, 12, 0x300, 99}}};
  CHECK(facts_of(old) == CpuidFacts{});
  CHECK(facts_of({}) == CpuidFacts{});
  // Levels that never end, as a careless hypervisor may give them.
  CHECK(cpuid_facts([](std::uint32_t leaf, std::uint32_t) {
          return leaf == 0 ? CpuidRegisters{0, 0x68747541, 0, 0} : CpuidRegisters{0xffffffff, 0xffffffff, 0x100, 0xffffffff};
        }).ccd == std::nullopt);
}

TEST_CASE("cpuid: Intel names its hybrid cores in leaf 0x1a, if leaf 7 says that there are any") {
  Dump dump = {{{0, 0}, {0x20, 0x756e6547, 0, 0}}, {{7, 0}, {0, 0, 0, 1U << 15}}, {{0x1a, 0}, {0x40000001, 0, 0, 0}}};
  CHECK(facts_of(dump).kind == CpuKind::performance);
  dump[{0x1a, 0}] = {0x20000001, 0, 0, 0};
  CHECK(facts_of(dump).kind == CpuKind::efficiency);
  dump[{7, 0}] = {};
  CHECK_FALSE(facts_of(dump).kind);
}
