// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/cpuid.hpp"

namespace vigil::topology {

namespace {

constexpr std::uint32_t kAmdTopology = 0x80000026, kIntelHybrid = 0x1a;
constexpr std::uint32_t kAmdTypeCore = 1, kAmdTypeDie = 3;
constexpr std::uint32_t kMaxLevels = 8;

void read_amd(const CpuidLeaf& leaf, CpuidFacts& facts) {
  for (std::uint32_t level = 0; level < kMaxLevels; ++level) {
    const auto r = leaf(kAmdTopology, level);
    const std::uint32_t type = r.ecx >> 8 & 0xff;
    if (type == 0) break;
    // The shift takes this level's own members off the APIC id: what remains numbers the dies.
    if (type == kAmdTypeDie) facts.ccd = r.edx >> (r.eax & 0x1f);
    const bool heterogeneous = r.eax >> 30 & 1;
    if (type == kAmdTypeCore && heterogeneous)
      facts.kind = r.ebx >> 28 == 0 ? CpuKind::performance : CpuKind::efficiency;
  }
}

void read_intel(const CpuidLeaf& leaf, CpuidFacts& facts) {
  const bool hybrid = leaf(7, 0).edx >> 15 & 1;
  if (!hybrid) return;
  const auto type = leaf(kIntelHybrid, 0).eax >> 24;
  if (type == 0x40) facts.kind = CpuKind::performance;
  if (type == 0x20) facts.kind = CpuKind::efficiency;
}

}  // namespace

CpuidFacts cpuid_facts(const CpuidLeaf& leaf) {
  CpuidFacts facts{};
  const auto basic = leaf(0, 0);
  const bool intel = basic.ebx == 0x756e6547;  // "Genu"
  const bool amd = basic.ebx == 0x68747541;    // "Auth"
  if (amd && leaf(0x80000000, 0).eax >= kAmdTopology) read_amd(leaf, facts);
  if (intel && basic.eax >= kIntelHybrid) read_intel(leaf, facts);
  return facts;
}

}  // namespace vigil::topology
