// SPDX-License-Identifier: GPL-2.0-only
#include "edge/procfs/proc_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/unique_fd.hpp"

namespace vigil::edge {

namespace {
constexpr std::size_t kMaxFile = 64 * 1024;
}  // namespace

std::optional<std::string> read_proc_file(int folder, const char* name) {
  UniqueFd fd(::openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return std::nullopt;
  std::string out;
  std::array<char, 4096> buffer;
  while (out.size() < kMaxFile) {
    const auto n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return out;
}

std::optional<std::string> read_proc_file(const std::string& path) { return read_proc_file(AT_FDCWD, path.c_str()); }

}  // namespace vigil::edge
