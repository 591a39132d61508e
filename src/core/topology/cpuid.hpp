// SPDX-License-Identifier: GPL-2.0-only
//
// What a running x86 CPU says of itself that sysfs does not pass on: which die it is on (AMD leaf 0x80000026) and which
// kind of core it is (the same leaf, or Intel's 0x1a). Pure: the instruction is executed elsewhere.
#pragma once

#include <cstdint>
#include <functional>

#include "core/topology/topology.hpp"

namespace vigil::topology {

struct CpuidRegisters {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};
// One CPU's answers; leaves it does not have are never asked for.
using CpuidLeaf = std::function<CpuidRegisters(std::uint32_t leaf, std::uint32_t subleaf)>;

CpuidFacts cpuid_facts(const CpuidLeaf& leaf);

}  // namespace vigil::topology
