// SPDX-License-Identifier: GPL-2.0-only
//
// On which memory node pages of a process lie. A question, nothing is moved.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace vigil::edge {

// How many of the pages at these addresses lie on each node, by its number. Pages that are not there (yet, or any more) count
// nowhere. Needs CAP_SYS_PTRACE for other people's processes. Code ESRCH: the process is gone.
Result<std::vector<std::uint64_t>> page_nodes(std::uint32_t tgid, std::span<const std::uint64_t> addresses);

}  // namespace vigil::edge
