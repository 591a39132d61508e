// SPDX-License-Identifier: GPL-2.0-only
//
// Calls back when a file descriptor is ready. Level-triggered: a callback that leaves something unread is
// called again in the next turn, after everyone else had theirs.
//
// The descriptor is borrowed: destroy the Watch before closing it (declare the Watch after the descriptor's
// owner). It is made non-blocking. Regular files cannot be watched; sysfs, procfs and kernel pseudo files
// that notify can.
#pragma once

#include <functional>

#include "base/result.hpp"
#include "loop/loop.hpp"

namespace vigil::loop {

struct Ready {
  bool readable = false;
  bool writable = false;
  bool disconnect = false;   // the other side will send nothing more
  bool prioritized = false;  // POLLPRI: sysfs attributes, PSI triggers
  // Only in callbacks: the descriptor reports an error and is no longer watched until set() is called again.
  bool error = false;
};

class Watch {
 public:
  using Callback = std::function<void(Ready)>;

  Watch() = default;
  static Result<Watch> create(Loop& loop, int fd, Ready interest, Callback callback);

  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;
  ~Watch();

  // Changes what is waited for; nothing at all pauses.
  Result<void> set(Ready interest);
  bool active() const { return state_ != nullptr; }
  void reset();

 private:
  struct State;
  explicit Watch(State* state) : state_(state) {}
  State* state_ = nullptr;
};

}  // namespace vigil::loop
