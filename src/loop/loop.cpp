// SPDX-License-Identifier: GPL-2.0-only
#include "loop/loop.hpp"

#include <uv.h>

#include <cassert>

namespace vigil::loop {

Result<Loop> Loop::create() {
  auto raw = std::make_unique<uv_loop_t>();
  if (const int error = uv_loop_init(raw.get()); error != 0)
    return fail_system("make the event loop", -error);
  return Loop(std::unique_ptr<uv_loop_s, Closer>(raw.release()));
}

void Loop::run() {
  uv_run(loop_.get(), UV_RUN_DEFAULT);
}

bool Loop::run_once(bool wait) {
  return uv_run(loop_.get(), wait ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0;
}

void Loop::stop() {
  uv_stop(loop_.get());
}

void Loop::Closer::operator()(uv_loop_s* loop) const {
  // Handles that were closed by their owners still need a turn for their memory to be freed. Two, because a
  // stop() that nobody consumed makes the first one return at once.
  uv_run(loop, UV_RUN_NOWAIT);
  uv_run(loop, UV_RUN_NOWAIT);
  const int error = uv_loop_close(loop);
  assert(error == 0 && "something on the loop outlives it");
  // Freeing the loop under a living handle would be worse than not freeing it.
  if (error == 0) delete loop;
}

}  // namespace vigil::loop
