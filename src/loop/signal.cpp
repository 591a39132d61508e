// SPDX-License-Identifier: GPL-2.0-only
#include "loop/signal.hpp"

#include <uv.h>

#include <memory>
#include <utility>

namespace vigil::loop {

struct Signal::State {
  uv_signal_t handle{};
  Callback callback;
  bool open = true;

  static void on_signal(uv_signal_t* handle, int) noexcept {
    auto* self = static_cast<State*>(handle->data);
    if (self->open) self->callback();
  }
  static void on_closed(uv_handle_t* handle) noexcept { delete static_cast<State*>(handle->data); }
};

Result<Signal> Signal::create(Loop& loop, int number, Callback callback) {
  auto state = std::make_unique<State>();
  state->handle.data = state.get();
  state->callback = std::move(callback);
  if (const int error = uv_signal_init(loop.native(), &state->handle); error != 0)
    return fail_system("catch a signal", -error);
  Signal signal(state.release());
  if (const int error = uv_signal_start(&signal.state_->handle, State::on_signal, number); error != 0)
    return fail_system("catch signal " + std::to_string(number), -error);
  return signal;
}

Signal::Signal(Signal&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Signal& Signal::operator=(Signal&& other) noexcept {
  if (this != &other) {
    reset();
    state_ = std::exchange(other.state_, nullptr);
  }
  return *this;
}

Signal::~Signal() {
  reset();
}

void Signal::reset() {
  if (State* state = std::exchange(state_, nullptr)) {
    state->open = false;
    uv_close(reinterpret_cast<uv_handle_t*>(&state->handle), State::on_closed);
  }
}

}  // namespace vigil::loop
