// SPDX-License-Identifier: GPL-2.0-only
//
// A listening unix socket at a path, made and taken away again.
//
// What a dead predecessor left behind is replaced; a living one is not (a connection attempt tells them
// apart), nor is anything that is not a socket. The socket is never more open than asked for, not even for a
// moment.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace vigil::edge {

struct ListenOptions {
  mode_t mode = 0660;
  std::optional<gid_t> group = {};  // nullopt: the process' own
  mode_t folder_mode = 0755;        // of folders that have to be made
  int backlog = 64;
};

class UnixListener {
 public:
  UnixListener() = default;
  static Result<UnixListener> create(const std::string& path, const ListenOptions& options);

  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) noexcept;
  // Removes the path, if it is still the socket made here.
  ~UnixListener();

  // The socket, once. Whoever takes it keeps this object too: the path goes with it.
  [[nodiscard]] UniqueFd take() { return std::move(fd_); }
  const std::string& path() const { return path_; }

 private:
  void remove();
  UniqueFd fd_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace vigil::edge
