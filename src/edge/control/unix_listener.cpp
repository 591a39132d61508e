// SPDX-License-Identifier: GPL-2.0-only
#include "edge/control/unix_listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vigil::edge {

namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail("a socket's path has 1 to " + std::to_string(sizeof address.sun_path - 1) +
                    " bytes, this one has " + std::to_string(path.size()),
                ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd stream_socket() {
  return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<void> make_folders(const std::string& path, mode_t mode) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const auto folder = path.substr(0, slash);
    if (mkdir(folder.c_str(), mode) == 0) {
      // mkdir() obeys the umask, which may be stricter than the folder is meant to be.
      if (chmod(folder.c_str(), mode) != 0) return fail_system("make " + folder);
    } else if (errno != EEXIST) {
      return fail_system("make " + folder);
    }
  }
  return {};
}

Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return fail_system("look at " + path);
  }
  if (!S_ISSOCK(found.st_mode)) return fail(path + " exists and is not a socket; it is left alone", EEXIST);
  const UniqueFd probe = stream_socket();
  if (!probe) return fail_system("make a socket");
  // EAGAIN: somebody listens, and has more waiting clients than it takes.
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN)
    return fail("another program already serves " + path, EADDRINUSE);
  if (errno != ECONNREFUSED && errno != ENOENT) return fail_system("connect to " + path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_system("remove the stale " + path);
  return {};
}

}  // namespace

Result<UnixListener> UnixListener::create(const std::string& path, const ListenOptions& options) {
  auto address = address_of(path);
  if (!address) return fail(std::move(address).error());
  if (auto made = make_folders(path, options.folder_mode); !made) return fail(std::move(made).error());
  if (auto removed = remove_stale(path, *address); !removed) return fail(std::move(removed).error());

  UnixListener listener;
  listener.fd_ = stream_socket();
  if (!listener.fd_) return fail_system("make a socket");
  // Nobody but us until owner and mode are right.
  const mode_t old_mask = umask(0177);
  const int bound = bind(listener.fd_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int bind_error = errno;
  umask(old_mask);
  if (bound != 0) return fail_system("bind " + path, bind_error);
  struct stat made {};
  if (lstat(path.c_str(), &made) != 0) return fail_system("look at " + path);
  listener.path_ = path;
  listener.device_ = made.st_dev;
  listener.inode_ = made.st_ino;
  if (options.group && chown(path.c_str(), static_cast<uid_t>(-1), *options.group) != 0)
    return fail_system("give " + path + " to group " + std::to_string(*options.group));
  if (chmod(path.c_str(), options.mode) != 0) return fail_system("set the mode of " + path);
  if (listen(listener.fd_.get(), options.backlog) != 0) return fail_system("listen on " + path);
  return listener;
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  if (this != &other) {
    remove();
    fd_ = std::move(other.fd_);
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

UnixListener::~UnixListener() {
  remove();
}

void UnixListener::remove() {
  if (path_.empty()) return;
  struct stat now {};
  if (lstat(path_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_) unlink(path_.c_str());
  path_.clear();
}

}  // namespace vigil::edge
