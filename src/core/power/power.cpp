// SPDX-License-Identifier: GPL-2.0-only
#include "core/power/power.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace vigil::power {

namespace {

enum class Lean { none, save, perform };

Lean lean_of(std::string_view profile) {
  constexpr std::array kSaving = {std::string_view("power-saver"), std::string_view("low-power"), std::string_view("quiet"),
                                  std::string_view("cool")};
  constexpr std::array kPerforming = {std::string_view("performance"), std::string_view("balanced-performance"),
                                      std::string_view("max-power")};
  if (std::find(kSaving.begin(), kSaving.end(), profile) != kSaving.end()) return Lean::save;
  if (std::find(kPerforming.begin(), kPerforming.end(), profile) != kPerforming.end()) return Lean::perform;
  return Lean::none;
}

}  // namespace

Choice choose(const Situation& situation) {
  for (const auto& [profile, whose] : {std::pair{&situation.power_profile, "the power profile is "},
                                       std::pair{&situation.platform_profile, "the platform profile is "}}) {
    if (!*profile) continue;
    const auto lean = lean_of(**profile);
    if (lean != Lean::none) return {lean == Lean::save, whose + **profile};
  }
  switch (situation.source) {
    case topology::PowerSource::battery: return {true, "the machine runs on battery"};
    case topology::PowerSource::ac: return {false, "the machine is on mains"};
    case topology::PowerSource::unknown: break;
  }
  return {false, "nothing asks to save power"};
}

std::optional<std::string> wanted_x3d_mode(const Demand& demand) {
  if (demand.games || demand.fast) return "cache";
  return std::nullopt;
}

std::optional<std::string> wanted_epp(const Demand& demand, std::string_view available) {
  std::vector<std::string_view> wishes;
  if (demand.save)
    wishes = {"power", "balance_power"};
  else if (demand.fast || demand.games)
    wishes = {"performance", "balance_performance"};
  const auto offered = split(trim_space(available), ' ');
  for (const auto wish : wishes)
    if (std::find(offered.begin(), offered.end(), wish) != offered.end()) return std::string(wish);
  return std::nullopt;
}

}  // namespace vigil::power
