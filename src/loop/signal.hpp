// SPDX-License-Identifier: GPL-2.0-only
//
// Calls back, on the loop, when the program receives a signal. While a Signal for a number exists, the
// signal's default action is off.
#pragma once

#include <functional>

#include "base/result.hpp"
#include "loop/loop.hpp"

namespace vigil::loop {

class Signal {
 public:
  using Callback = std::function<void()>;

  Signal() = default;
  static Result<Signal> create(Loop& loop, int number, Callback callback);

  Signal(Signal&&) noexcept;
  Signal& operator=(Signal&&) noexcept;
  ~Signal();

  void reset();

 private:
  struct State;
  explicit Signal(State* state) : state_(state) {}
  State* state_ = nullptr;
};

}  // namespace vigil::loop
