// SPDX-License-Identifier: GPL-2.0-only
#include "edge/procfs/cached_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.hpp"

namespace vigil::edge {

namespace {

constexpr std::size_t kMostBytes = 16 * 1024;

// File systems that live in memory: they know no RWF_NOWAIT, and need none.
bool in_memory(int fd) {
  struct statfs info {};
  return ::fstatfs(fd, &info) == 0 && (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
}

}  // namespace

std::optional<std::string> read_cached_file(const std::string& proc_root, std::uint32_t tgid, const std::string& path) {
  const UniqueFd root(::open((proc_root + "/" + std::to_string(tgid) + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return std::nullopt;
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_CACHED | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd file(static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof(how))));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::string out(kMostBytes, '\0');
  iovec part{out.data(), out.size()};
  auto n = ::preadv2(file.get(), &part, 1, 0, RWF_NOWAIT);
  if (n < 0 && errno == EOPNOTSUPP && in_memory(file.get())) n = ::pread(file.get(), out.data(), out.size(), 0);
  if (n <= 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(n));
  return out;
}

}  // namespace vigil::edge
