// SPDX-License-Identifier: GPL-2.0-only
#include "edge/damon/page_nodes.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <numeric>

using namespace vigil;

TEST_CASE("pages: those that were touched lie somewhere, those that were not lie nowhere") {
  constexpr std::size_t kPages = 16;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* memory = ::mmap(nullptr, kPages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  ::madvise(memory, kPages * page, MADV_NOHUGEPAGE);
  std::memset(memory, 1, kPages / 2 * page);
  std::vector<std::uint64_t> addresses;
  for (std::size_t i = 0; i < kPages; ++i) addresses.push_back(reinterpret_cast<std::uint64_t>(memory) + i * page);
  const auto nodes = edge::page_nodes(static_cast<std::uint32_t>(::getpid()), addresses);
  if (!nodes && nodes.error().code() == ENOSYS) {
    MESSAGE("skip: this kernel has no move_pages()");
    return;
  }
  REQUIRE_MESSAGE(nodes, nodes.error().message());
  CHECK(std::accumulate(nodes->begin(), nodes->end(), std::uint64_t{0}) == kPages / 2);
  ::munmap(memory, kPages * page);
}

TEST_CASE("pages: none asked for, none found; a process that is gone is an error") {
  CHECK(edge::page_nodes(1, {})->empty());
  const std::vector<std::uint64_t> one{0x1000};
  CHECK_FALSE(edge::page_nodes(0x3fffffff, one));
}
