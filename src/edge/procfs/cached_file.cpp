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

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "edge/procfs/proc_file.hpp"

namespace vigil::edge {

namespace {

constexpr std::size_t kMostBytes = 16 * 1024;

// Those whose open() is answered by this kernel. NFS and FUSE ask somebody who may not answer.
constexpr std::array<std::string_view, 12> kLocal = {"ext4", "xfs",     "btrfs", "f2fs",  "bcachefs", "zfs",
                                                     "ext3", "overlay", "tmpfs", "ramfs", "vfat",     "exfat"};

// Asks nobody either: the kernel's list of mounts says what kind each is.
bool is_local(const std::string& proc_root, std::uint32_t tgid, std::uint64_t mount) {
  const auto mounts = read_proc_file(proc_root + "/" + std::to_string(tgid) + "/mountinfo");
  if (!mounts) return false;
  const auto id = std::to_string(mount);
  for (const auto line : split(*mounts, '\n')) {
    if (line.substr(0, line.find(' ')) != id) continue;
    const auto end = line.find(" - ");  // of the optional fields
    if (end == std::string_view::npos) return false;
    const auto kind = line.substr(end + 3);
    return std::find(kLocal.begin(), kLocal.end(), kind.substr(0, kind.find(' '))) != kLocal.end();
  }
  return false;
}

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
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_CACHED | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd place(static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof(how))));
  struct statx status {};
  if (!place || ::statx(place.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &status) != 0 ||
      !S_ISREG(status.stx_mode) || !(status.stx_mask & STATX_MNT_ID) || !is_local(proc_root, tgid, status.stx_mnt_id))
    return std::nullopt;
  const UniqueFd file(::open(("/proc/self/fd/" + std::to_string(place.get())).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return std::nullopt;
  std::string out(kMostBytes, '\0');
  iovec part{out.data(), out.size()};
  auto n = ::preadv2(file.get(), &part, 1, 0, RWF_NOWAIT);
  if (n < 0 && errno == EOPNOTSUPP && in_memory(file.get())) n = ::pread(file.get(), out.data(), out.size(), 0);
  if (n <= 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(n));
  return out;
}

}  // namespace vigil::edge
