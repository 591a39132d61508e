// SPDX-License-Identifier: GPL-2.0-only
//
// Which processes have which profile, as far as they were told of. Keyed by (tgid, start time), so a reused pid is another process.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"

namespace vigil::policy {

class ActiveProfiles {
 public:
  // Numbers of the profile whose first process this was, and of the one whose last it was; 0 none.
  struct Change {
    std::uint16_t begun = 0;
    std::uint16_t ended = 0;
  };
  // 0: the process has none any more, or has ended.
  Change set(const ProcKey& key, std::uint16_t profile);

  // In the order in which they began: the latest is last.
  const std::vector<std::uint16_t>& active() const { return order_; }
  std::size_t processes(std::uint16_t profile) const;
  std::vector<ProcKey> keys() const;

 private:
  std::unordered_map<ProcKey, std::uint16_t> by_process_;
  std::unordered_map<std::uint16_t, std::size_t> counts_;
  std::vector<std::uint16_t> order_;
};

}  // namespace vigil::policy
