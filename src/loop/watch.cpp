// SPDX-License-Identifier: GPL-2.0-only
#include "loop/watch.hpp"

#include <uv.h>

#include <memory>
#include <utility>

namespace vigil::loop {

struct Watch::State {
  uv_poll_t handle{};
  Callback callback;
  bool open = true;

  static State* of(uv_poll_t* handle) { return static_cast<State*>(handle->data); }

  static void on_ready(uv_poll_t* handle, int status, int events) noexcept {
    State* self = of(handle);
    if (!self->open) return;
    Ready ready;
    ready.error = status < 0;
    ready.readable = (events & UV_READABLE) != 0;
    ready.writable = (events & UV_WRITABLE) != 0;
    ready.disconnect = (events & UV_DISCONNECT) != 0;
    ready.prioritized = (events & UV_PRIORITIZED) != 0;
    self->callback(ready);
  }

  static void on_closed(uv_handle_t* handle) noexcept { delete static_cast<State*>(handle->data); }
};

Result<Watch> Watch::create(Loop& loop, int fd, Ready interest, Callback callback) {
  auto state = std::make_unique<State>();
  state->handle.data = state.get();
  state->callback = std::move(callback);
  if (const int error = uv_poll_init(loop.native(), &state->handle, fd); error != 0)
    return fail_system("watch a file descriptor", -error);
  Watch watch(state.release());  // from here on the close callback frees it
  if (auto set = watch.set(interest); !set) return tl::unexpected(std::move(set).error());
  return watch;
}

Watch::Watch(Watch&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    reset();
    state_ = std::exchange(other.state_, nullptr);
  }
  return *this;
}

Watch::~Watch() {
  reset();
}

Result<void> Watch::set(Ready interest) {
  if (state_ == nullptr) return fail("watch a file descriptor: nothing is being watched", EBADF);
  const int events = (interest.readable ? UV_READABLE : 0) | (interest.writable ? UV_WRITABLE : 0) |
                     (interest.disconnect ? UV_DISCONNECT : 0) | (interest.prioritized ? UV_PRIORITIZED : 0);
  const int error =
      events == 0 ? uv_poll_stop(&state_->handle) : uv_poll_start(&state_->handle, events, State::on_ready);
  if (error != 0) return fail_system("watch a file descriptor", -error);
  return {};
}

void Watch::reset() {
  if (State* state = std::exchange(state_, nullptr)) {
    state->open = false;
    uv_close(reinterpret_cast<uv_handle_t*>(&state->handle), State::on_closed);
  }
}

}  // namespace vigil::loop
