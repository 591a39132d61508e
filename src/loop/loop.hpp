// SPDX-License-Identifier: GPL-2.0-only
//
// The one event loop of a program: libuv, owned. Everything else in this folder is a thing that is watched on
// it.
//
// Rules of the folder, kept so that users never see libuv:
// - One thread. Nothing here may be called from another.
// - An object (Watch, Timer, Signal, …) may be destroyed at any time, also by its own callback: its callback
// is
//   not called again, and its memory is freed by the loop's next turn.
// - A Loop outlives nothing it must: objects may be destroyed before or after it was run for the last time,
// but
//   before the Loop itself.
// - Callbacks do not throw; one that does ends the program (they run under C frames).
// - An idle loop does not wake: there are no timers but those armed by an event.
#pragma once

#include <memory>

#include "base/result.hpp"

struct uv_loop_s;

namespace vigil::loop {

class Loop {
 public:
  static Result<Loop> create();

  // Calls back until stop(), or until nothing is left that could happen.
  void run();
  // One turn: waits for the first event when `wait`, else handles what is ready. False when nothing is left
  // that could happen.
  bool run_once(bool wait);
  // run() returns after the callbacks of this turn.
  void stop();

  // For this folder's own files.
  uv_loop_s* native() const { return loop_.get(); }

 private:
  struct Closer {
    void operator()(uv_loop_s* loop) const;
  };
  explicit Loop(std::unique_ptr<uv_loop_s, Closer> loop) : loop_(std::move(loop)) {}
  std::unique_ptr<uv_loop_s, Closer> loop_;
};

}  // namespace vigil::loop
