// SPDX-License-Identifier: GPL-2.0-only
//
// Calls back when tasks have stalled for want of memory (pressure stall information): at most once in the kernel's window of
// two seconds, and never on a machine where nothing stalls. The window is 2 s because others need CAP_SYS_RESOURCE.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "loop/loop.hpp"
#include "loop/watch.hpp"

namespace vigil::edge {

class PressureWatch {
 public:
  // `stall`: time in which some task stalled, within two seconds. An error with code ENOENT or EOPNOTSUPP: this kernel has no
  // pressure stall information, or it is switched off (psi=0).
  static Result<PressureWatch> create(loop::Loop& loop, const std::string& proc_root, std::chrono::milliseconds stall, std::function<void()> callback);

 private:
  UniqueFd fd_;
  loop::Watch watch_;  // after the descriptor's owner
};

}  // namespace vigil::edge
