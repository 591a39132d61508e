// SPDX-License-Identifier: GPL-2.0-only
#include "edge/sysfs/sys_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <memory>

#include "base/text.hpp"

namespace vigil {

namespace {

// A machine with 8,192 CPUs has some 250,000 files worth reading.
constexpr std::size_t kMaxOpens = 1'000'000;
constexpr std::size_t kMaxProblems = 100;

// Absent, gone meanwhile, or a device that has no value to give: all normal.
bool is_absence(int code) {
  return code == ENOENT || code == ENOTDIR || code == ENODEV || code == ENXIO || code == ENODATA || code == EAGAIN ||
         code == EOPNOTSUPP || code == ENAMETOOLONG;
}

int open_below(int root, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<__u64>(flags);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(fd);
  return ::openat(root, path, flags);  // before 5.6, or a sandbox that does not know the call
}

}  // namespace

Result<SysTree> SysTree::open(const std::string& sysfs_root, const std::string& proc_root) {
  UniqueFd sys(::open(sysfs_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!sys) return fail_system(sysfs_root);
  UniqueFd proc;
  if (!proc_root.empty()) proc.reset(::open(proc_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return SysTree(std::move(sys), std::move(proc));
}

std::string SysTree::proc_root_for(const std::string& sysfs_root) {
  std::string root = sysfs_root;
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  if (root == "/sys") return "/proc";
  const std::string beside = root + "/../proc";
  struct stat st {};
  return ::stat(beside.c_str(), &st) == 0 && S_ISDIR(st.st_mode) && base_name(root) == "sys" ? beside : "";
}

bool SysTree::wakes_device(std::string_view path) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "config", "current_link_speed", "current_link_width", "secondary_bus_number", "subordinate_bus_number",
      "vpd",    "rom",                "enable",             "information",          "gpu_metrics"};
  const auto name = base_name(path);
  if (name.starts_with("resource") && name.ends_with("_resize")) return true;
  if (path.find("/hwmon") != std::string_view::npos) return true;
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

void SysTree::remember(const std::string& path, int code) const {
  if (is_absence(code)) return;
  if (problems_.size() < kMaxProblems) problems_.push_back(path + " cannot be read: " + std::strerror(code));
}

UniqueFd SysTree::open_in_root(const std::string& path, int flags) const {
  const bool is_proc = path == "proc" || path.starts_with("proc/");
  const int root = is_proc ? proc_.get() : sys_.get();
  const auto slash = path.find('/');
  const std::string below = slash == std::string::npos ? "." : path.substr(slash + 1);
  if (root < 0 || (!is_proc && path != "sys" && !path.starts_with("sys/"))) {
    errno = ENOENT;
    return UniqueFd();
  }
  if (++opened_ > kMaxOpens) {
    if (opened_ == kMaxOpens + 1) problems_.push_back("this tree has too many files; the rest is not looked at");
    errno = ENOENT;
    return UniqueFd();
  }
  return UniqueFd(open_below(root, below.c_str(), flags | O_CLOEXEC));
}

std::optional<std::string> SysTree::read_up_to(const std::string& path, std::size_t bytes, bool whole) const {
  if (wakes_device(path)) return std::nullopt;
  // Not blocking, and not becoming anyone's terminal: a captured tree may hold anything.
  const UniqueFd fd = open_in_root(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) {
    remember(path, errno);
    return std::nullopt;
  }
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  std::string out;
  std::array<char, 8192> chunk;
  for (;;) {
    const std::size_t wanted = std::min(chunk.size(), bytes + 1 - out.size());
    const ssize_t n = ::read(fd.get(), chunk.data(), wanted);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      remember(path, errno);
      return std::nullopt;
    }
    if (n == 0) break;
    out.append(chunk.data(), static_cast<std::size_t>(n));
    if (out.size() <= bytes) {
      if (static_cast<std::size_t>(n) < wanted && !path.starts_with("proc/")) break;  // an attribute comes in one piece
      continue;
    }
    if (whole) {
      if (problems_.size() < kMaxProblems) problems_.push_back(path + " is too long to be what it should be");
      return std::nullopt;
    }
    out.resize(bytes);
    break;
  }
  return out;
}

std::optional<std::string> SysTree::read(const std::string& path) const {
  return read_up_to(path, topology::kMaxFileBytes, true);
}

std::optional<std::string> SysTree::read_head(const std::string& path, std::size_t bytes) const {
  return read_up_to(path, bytes, false);
}

std::vector<std::string> SysTree::list(const std::string& path) const {
  std::vector<std::string> out;
  UniqueFd fd = open_in_root(path, O_RDONLY | O_DIRECTORY);
  if (!fd) {
    remember(path, errno);
    return out;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd.get()), ::closedir);
  if (!folder) return out;
  (void)fd.release();  // the DIR owns it
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (out.size() == topology::kMaxListEntries) {
      if (problems_.size() < kMaxProblems) problems_.push_back(path + " holds too many entries; the rest is not looked at");
      break;
    }
    out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<std::string> SysTree::link(const std::string& path) const {
  const UniqueFd fd = open_in_root(path, O_PATH | O_NOFOLLOW);
  if (!fd) return std::nullopt;
  std::array<char, PATH_MAX> target;
  const ssize_t n = ::readlinkat(fd.get(), "", target.data(), target.size());
  if (n <= 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(n));
}

}  // namespace vigil
