// SPDX-License-Identifier: GPL-2.0-only
//
// Says that a folder's *.toml files changed, once for a burst of changes (an editor writes, renames and deletes to save one
// file).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "loop/loop.hpp"
#include "loop/timer.hpp"
#include "loop/watch.hpp"

namespace vigil::edge {

class FolderWatch {
 public:
  FolderWatch() = default;
  // Folders that are not there are passed over. `changed` is called from the loop.
  static Result<FolderWatch> create(loop::Loop& loop, const std::vector<std::string>& folders,
                                    std::function<void()> changed);

 private:
  struct State {
    UniqueFd fd;
    loop::Timer settled;
  };
  std::unique_ptr<State> state_;  // where the watch's callback finds it, wherever this object moves
  loop::Watch watch_;             // behind the descriptor it watches
};

}  // namespace vigil::edge
