// SPDX-License-Identifier: GPL-2.0-only
#include "core/policy/profiles/active.hpp"

#include <algorithm>

namespace vigil::policy {

ActiveProfiles::Change ActiveProfiles::set(const ProcKey& key, std::uint16_t profile) {
  Change change;
  const auto it = by_process_.find(key);
  const std::uint16_t before = it == by_process_.end() ? std::uint16_t{0} : it->second;
  if (before == profile) return change;
  if (profile == 0)
    by_process_.erase(it);
  else
    by_process_[key] = profile;
  if (profile != 0 && ++counts_[profile] == 1) {
    order_.push_back(profile);
    change.begun = profile;
  }
  if (before != 0 && --counts_[before] == 0) {
    counts_.erase(before);
    std::erase(order_, before);
    change.ended = before;
  }
  return change;
}

std::size_t ActiveProfiles::processes(std::uint16_t profile) const {
  const auto it = counts_.find(profile);
  return it == counts_.end() ? 0 : it->second;
}

std::vector<ProcKey> ActiveProfiles::keys() const {
  std::vector<ProcKey> out;
  for (const auto& [key, profile] : by_process_) out.push_back(key);
  return out;
}

}  // namespace vigil::policy
