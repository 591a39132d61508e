// SPDX-License-Identifier: GPL-2.0-only
#include "edge/files/folder_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>

namespace vigil::edge {

namespace {

constexpr std::chrono::milliseconds kSettle{200};
constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// Empties the descriptor; true when a rule file was among what changed, a folder itself went, or changes were lost.
bool drain(int fd) {
  alignas(inotify_event) char buffer[4096];
  bool concerned = false;
  for (;;) {
    const auto got = ::read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return concerned;
    for (ssize_t at = 0; at < got;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof(event));
      const std::string_view name = event.len ? buffer + at + sizeof(event) : "";
      concerned = concerned || (event.mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) || (name.ends_with(".toml") && name.front() != '.');
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
}

}  // namespace

Result<FolderWatch> FolderWatch::create(loop::Loop& loop, const std::vector<std::string>& folders,
                                        std::function<void()> changed) {
  FolderWatch out;
  out.state_ = std::make_unique<State>();
  State* state = out.state_.get();
  state->fd = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!state->fd) return fail_system("watch the rule folders");
  for (const auto& folder : folders) {
    if (::inotify_add_watch(state->fd.get(), folder.c_str(), kChanges) >= 0) continue;
    if (errno != ENOENT && errno != ENOTDIR) return fail_system("watch " + folder);
  }
  auto timer = loop::Timer::create(loop, std::move(changed));
  if (!timer) return fail(std::move(timer).error());
  state->settled = std::move(*timer);
  auto watch = loop::Watch::create(loop, state->fd.get(), loop::Ready{.readable = true}, [state](loop::Ready) {
    if (drain(state->fd.get())) state->settled.arm(kSettle);
  });
  if (!watch) return fail(std::move(watch).error());
  out.watch_ = std::move(*watch);
  return out;
}

}  // namespace vigil::edge
