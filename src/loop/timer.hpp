// SPDX-License-Identifier: GPL-2.0-only
//
// Calls back once, some time after it was armed. There is no repeating timer on purpose: a timer is the
// consequence of an event (a debounce window, a back-off), and an idle program has none.
#pragma once

#include <chrono>
#include <functional>

#include "base/result.hpp"
#include "loop/loop.hpp"

namespace vigil::loop {

class Timer {
 public:
  using Callback = std::function<void()>;

  Timer() = default;
  static Result<Timer> create(Loop& loop, Callback callback);

  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  ~Timer();

  // Counts from now; arming an armed timer starts it anew. Rounded up to a millisecond. Only on a created
  // timer.
  void arm(std::chrono::nanoseconds delay);
  void disarm();
  bool armed() const;
  void reset();

 private:
  struct State;
  explicit Timer(State* state) : state_(state) {}
  State* state_ = nullptr;
};

}  // namespace vigil::loop
