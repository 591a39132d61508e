// SPDX-License-Identifier: GPL-2.0-only
#include "edge/damon/page_nodes.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace vigil::edge {

namespace {
constexpr int kMostNodes = 1024;  // the kernel's largest MAX_NUMNODES
}

Result<std::vector<std::uint64_t>> page_nodes(std::uint32_t tgid, std::span<const std::uint64_t> addresses) {
  std::vector<std::uint64_t> out;
  if (addresses.empty()) return out;
  std::vector<int> status(addresses.size(), -ENOENT);
  // No list of nodes: the kernel only says where each page is.
  if (::syscall(SYS_move_pages, static_cast<int>(tgid), addresses.size(), addresses.data(), nullptr, status.data(), 0) < 0)
    return fail_system("ask where pages of process " + std::to_string(tgid) + " are");
  for (const int node : status) {
    if (node < 0 || node >= kMostNodes) continue;
    if (out.size() <= static_cast<std::size_t>(node)) out.resize(static_cast<std::size_t>(node) + 1);
    ++out[static_cast<std::size_t>(node)];
  }
  return out;
}

}  // namespace vigil::edge
