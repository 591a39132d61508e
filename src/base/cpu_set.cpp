// SPDX-License-Identifier: GPL-2.0-only
#include "base/cpu_set.hpp"

#include <algorithm>
#include <bit>

#include "base/text.hpp"

namespace vigil {

Result<CpuSet> CpuSet::parse(std::string_view cpulist) {
  CpuSet set;
  cpulist = trim_space(cpulist);
  if (cpulist.empty()) return set;
  for (std::string_view part : split(cpulist, ',')) {
    part = trim_space(part);
    const auto dash = part.find('-');
    const auto first = parse_number<std::uint32_t>(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number<std::uint32_t>(part.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kMaxCpus)
      return fail("not a list of CPUs: '" + std::string(part) + "'");
    for (std::uint32_t cpu = *first; cpu <= *last; ++cpu) set.add(cpu);
  }
  return set;
}

CpuSet CpuSet::range(std::uint32_t first, std::uint32_t last) {
  CpuSet set;
  for (std::uint32_t cpu = first; cpu <= last && cpu < kMaxCpus; ++cpu) set.add(cpu);
  return set;
}

void CpuSet::add(std::uint32_t cpu) {
  if (cpu >= kMaxCpus) return;
  if (words_.size() <= cpu / 64) words_.resize(cpu / 64 + 1);
  words_[cpu / 64] |= 1ULL << (cpu % 64);
}

void CpuSet::remove(std::uint32_t cpu) {
  if (!contains(cpu)) return;
  words_[cpu / 64] &= ~(1ULL << (cpu % 64));
  trim();
}

bool CpuSet::contains(std::uint32_t cpu) const {
  return cpu / 64 < words_.size() && (words_[cpu / 64] >> (cpu % 64) & 1);
}

bool CpuSet::empty() const { return words_.empty(); }

std::uint32_t CpuSet::count() const {
  std::uint32_t n = 0;
  for (const auto word : words_) n += static_cast<std::uint32_t>(std::popcount(word));
  return n;
}

std::uint32_t CpuSet::first() const {
  for (std::size_t i = 0; i < words_.size(); ++i)
    if (words_[i]) return static_cast<std::uint32_t>(i * 64) + static_cast<std::uint32_t>(std::countr_zero(words_[i]));
  return kMaxCpus;
}

std::uint32_t CpuSet::next(std::uint32_t cpu) const {
  for (std::uint32_t candidate = cpu + 1; candidate < words_.size() * 64; ++candidate)
    if (contains(candidate)) return candidate;
  return kMaxCpus;
}

std::vector<std::uint32_t> CpuSet::to_vector() const {
  std::vector<std::uint32_t> out;
  for (std::uint32_t cpu = first(); cpu < kMaxCpus; cpu = next(cpu)) out.push_back(cpu);
  return out;
}

CpuSet CpuSet::operator|(const CpuSet& other) const {
  CpuSet out = words_.size() >= other.words_.size() ? *this : other;
  const CpuSet& smaller = words_.size() >= other.words_.size() ? other : *this;
  for (std::size_t i = 0; i < smaller.words_.size(); ++i) out.words_[i] |= smaller.words_[i];
  return out;
}

CpuSet CpuSet::operator&(const CpuSet& other) const {
  CpuSet out;
  out.words_.resize(std::min(words_.size(), other.words_.size()));
  for (std::size_t i = 0; i < out.words_.size(); ++i) out.words_[i] = words_[i] & other.words_[i];
  out.trim();
  return out;
}

CpuSet CpuSet::operator-(const CpuSet& other) const {
  CpuSet out = *this;
  for (std::size_t i = 0; i < std::min(words_.size(), other.words_.size()); ++i) out.words_[i] &= ~other.words_[i];
  out.trim();
  return out;
}

bool CpuSet::operator==(const CpuSet& other) const { return words_ == other.words_; }

std::string CpuSet::to_string() const {
  std::string out;
  for (std::uint32_t cpu = first(); cpu < kMaxCpus;) {
    std::uint32_t last = cpu;
    while (contains(last + 1)) ++last;
    if (!out.empty()) out += ',';
    out += std::to_string(cpu);
    if (last > cpu) out += '-' + std::to_string(last);
    cpu = next(last);
  }
  return out;
}

void CpuSet::trim() {
  while (!words_.empty() && words_.back() == 0) words_.pop_back();
}

}  // namespace vigil
