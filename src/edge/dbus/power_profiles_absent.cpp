// SPDX-License-Identifier: GPL-2.0-only
//
// Built where libsystemd is missing.
#include "edge/dbus/power_profiles.hpp"

namespace vigil::edge {

struct PowerProfiles::State {};

PowerProfiles::PowerProfiles(std::unique_ptr<State> state) : state_(std::move(state)) {}
PowerProfiles::PowerProfiles(PowerProfiles&&) noexcept = default;
PowerProfiles& PowerProfiles::operator=(PowerProfiles&&) noexcept = default;
PowerProfiles::~PowerProfiles() = default;

Result<PowerProfiles> PowerProfiles::create(loop::Loop&, Callback, const std::string&) {
  return fail("this program was built without libsystemd");
}

}  // namespace vigil::edge
