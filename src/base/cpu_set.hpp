// SPDX-License-Identifier: GPL-2.0-only
//
// A set of CPU numbers, with the kernel's own notation ("0-7,16-23").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vigil {

// The kernel's largest CONFIG_NR_CPUS. A list that names a larger number is an error, not an allocation.
inline constexpr std::uint32_t kMaxCpus = 8192;

class CpuSet {
 public:
  CpuSet() = default;

  // Accepts what the kernel prints: "", "0", "0-3,8,10-11", with or without a final newline.
  static Result<CpuSet> parse(std::string_view cpulist);
  static CpuSet range(std::uint32_t first, std::uint32_t last);

  void add(std::uint32_t cpu);
  void remove(std::uint32_t cpu);
  bool contains(std::uint32_t cpu) const;
  bool empty() const;
  std::uint32_t count() const;
  // The smallest member; kMaxCpus when empty.
  std::uint32_t first() const;
  // The smallest member above `cpu`; kMaxCpus when there is none.
  std::uint32_t next(std::uint32_t cpu) const;
  std::vector<std::uint32_t> to_vector() const;

  CpuSet operator|(const CpuSet& other) const;
  CpuSet operator&(const CpuSet& other) const;
  CpuSet operator-(const CpuSet& other) const;
  bool operator==(const CpuSet& other) const;
  bool intersects(const CpuSet& other) const { return !(*this & other).empty(); }
  bool is_subset_of(const CpuSet& other) const { return (*this - other).empty(); }

  // The kernel's cpulist notation; "" when empty.
  std::string to_string() const;

  // 64 CPUs a word, lowest first, no trailing zero words.
  const std::vector<std::uint64_t>& words() const { return words_; }

 private:
  void trim();
  std::vector<std::uint64_t> words_;
};

}  // namespace vigil
