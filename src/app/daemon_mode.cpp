// SPDX-License-Identifier: GPL-2.0-only
//
// The mode in force: a person's; while that is `auto`, that of the profile that began last and holds one; else what the power source
// and power profiles ask for.
#include "app/daemon.hpp"
#include "base/clock.hpp"
#include "wire/protocol.hpp"

#include <nlohmann/json.hpp>

namespace vigil::app {

namespace {
constexpr log::Logger kLog{"mode"};
}  // namespace

Daemon::ModeChoice Daemon::choose_mode() const {
  using wire::Mode;
  if (tuning_ != Mode::automatic) return {tuning_, "a person chose it"};
  const auto& active = engine_.profiles().active();
  for (auto it = active.rbegin(); it != active.rend(); ++it)
    if (const auto* profile = book_.profile(*it); profile && profile->settings.mode)
      if (const auto mode = wire::parse_mode(*profile->settings.mode)) return {*mode, "the profile " + profile->name + " asks for it"};
  if (!power_) return {};
  return {power_->choice().save ? Mode::powersave : Mode::automatic, power_->choice().why};
}

void Daemon::settle_mode() {
  const auto [mode, why] = choose_mode();
  if (mode == mode_applied_) return;
  mode_applied_ = mode;
  kLog.info("the mode in force is {}{}", wire::to_string(mode), why.empty() ? "" : ": " + why);
  apply_mode(mode);
  publish(edge::ControlServer::Kind::event,
          wire::format_line({{"event", "mode"}, {"t_ns", monotonic_now()}, {"mode", wire::to_string(tuning_)},
                             {"in_force", wire::to_string(mode)}, {"by", why}}));
}

void Daemon::apply_mode(wire::Mode mode) {
  apply_tunables();
  if (power_) power_->on_mode(mode == wire::Mode::gaming || mode == wire::Mode::lowlatency, mode == wire::Mode::powersave);
}

}  // namespace vigil::app
