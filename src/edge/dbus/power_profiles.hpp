// SPDX-License-Identifier: GPL-2.0-only
//
// The power profile a person chose in their desktop, as power-profiles-daemon (or what stands in for it, such as TuneD) tells it
// on the system bus: `power-saver`, `balanced` or `performance`. Its signals are followed; nothing is asked again and again, and the
// service is never started for our sake.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "loop/loop.hpp"

namespace vigil::edge {

class PowerProfiles {
 public:
  // The profile from now on; absent when nobody tells one (any more).
  using Callback = std::function<void(const std::optional<std::string>& profile)>;

  // `address`: of a bus other than the machine's, for tests. Fails where there is no bus (ENOENT), or this program was built
  // without a D-Bus library.
  static Result<PowerProfiles> create(loop::Loop& loop, Callback callback, const std::string& address = "");

  PowerProfiles(PowerProfiles&&) noexcept;
  PowerProfiles& operator=(PowerProfiles&&) noexcept;
  ~PowerProfiles();

 private:
  struct State;
  explicit PowerProfiles(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vigil::edge
