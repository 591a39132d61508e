// SPDX-License-Identifier: GPL-2.0-only
#include "base/unique_fd.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

using vigil::UniqueFd;

namespace {
bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }
}  // namespace

TEST_CASE("unique_fd: moving onto a descriptor closes the one it held") {
  UniqueFd first(open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd second(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int old = first.get();
  const int kept = second.get();
  first = std::move(second);
  CHECK_FALSE(is_open(old));
  CHECK(first.get() == kept);
  CHECK(is_open(kept));
}

TEST_CASE("unique_fd: closes at the end of its life, and not after release") {
  int closed = -1, released = -1;
  {
    UniqueFd a(open("/dev/null", O_RDONLY | O_CLOEXEC));
    UniqueFd b(open("/dev/null", O_RDONLY | O_CLOEXEC));
    closed = a.get();
    released = b.release();
  }
  CHECK_FALSE(is_open(closed));
  CHECK(is_open(released));
  close(released);
}
