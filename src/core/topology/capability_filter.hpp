// SPDX-License-Identifier: GPL-2.0-only
//
// Hardware feedback (Intel HFI) speaks up to ten times a second under load, mostly of little: only a change that matters
// is worth a look at the machine.
#pragma once

#include <cstdint>
#include <map>

namespace vigil::topology {

class CapabilityFilter {
 public:
  // Takes over what a CPU can do at the moment (0 to 1023); says whether it is a twentieth of the whole scale or more
  // away from what was last found to matter, or tells for the first time that it cannot be used (0) or can again.
  bool matters(std::uint32_t cpu, std::uint32_t performance);

 private:
  std::map<std::uint32_t, std::uint32_t> told_;
};

}  // namespace vigil::topology
