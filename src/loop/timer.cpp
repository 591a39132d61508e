// SPDX-License-Identifier: GPL-2.0-only
#include "loop/timer.hpp"

#include <uv.h>

#include <cassert>
#include <memory>
#include <utility>

namespace vigil::loop {

struct Timer::State {
  uv_timer_t handle{};
  Callback callback;

  static void on_timeout(uv_timer_t* handle) noexcept { static_cast<State*>(handle->data)->callback(); }
  static void on_closed(uv_handle_t* handle) noexcept { delete static_cast<State*>(handle->data); }
};

Result<Timer> Timer::create(Loop& loop, Callback callback) {
  auto state = std::make_unique<State>();
  state->handle.data = state.get();
  state->callback = std::move(callback);
  if (const int error = uv_timer_init(loop.native(), &state->handle); error != 0)
    return fail_system("make a timer", -error);
  return Timer(state.release());
}

Timer::Timer(Timer&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    reset();
    state_ = std::exchange(other.state_, nullptr);
  }
  return *this;
}

Timer::~Timer() {
  reset();
}

void Timer::arm(std::chrono::nanoseconds delay) {
  assert(state_ != nullptr);
  if (state_ == nullptr) return;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(delay).count();
  // libuv counts from the start of this turn of the loop; a callback may have taken long since then.
  uv_update_time(state_->handle.loop);
  uv_timer_start(&state_->handle, State::on_timeout, ms > 0 ? static_cast<std::uint64_t>(ms) : 0, 0);
}

void Timer::disarm() {
  if (state_ != nullptr) uv_timer_stop(&state_->handle);
}

bool Timer::armed() const {
  return state_ != nullptr && uv_is_active(reinterpret_cast<const uv_handle_t*>(&state_->handle)) != 0;
}

void Timer::reset() {
  // A closed timer is stopped by libuv at once: its callback does not come any more.
  if (State* state = std::exchange(state_, nullptr))
    uv_close(reinterpret_cast<uv_handle_t*>(&state->handle), State::on_closed);
}

}  // namespace vigil::loop
