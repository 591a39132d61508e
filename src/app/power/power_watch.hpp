// SPDX-License-Identifier: GPL-2.0-only
//
// Follows what the machine and its owner say of power, and, only where vigil.toml asks for it, sets what the hardware offers.
//
// The source (mains, battery) and firmware's profile come with the machine's picture, the desktop's profile by D-Bus; together
// they decide whether the automatic mode saves power. The X3D mode and the CPUs' energy preference are observed; with
// [x3d] steering or [power] epp they are set, and put back at the end, after a crash by the next start.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/power/power.hpp"
#include "edge/dbus/power_profiles.hpp"
#include "edge/sysfs/attribute_guard.hpp"
#include "loop/loop.hpp"

namespace vigil::app {

struct PowerOptions {
  std::string sysfs_root = "/sys";
  std::string notes;          // AttributeGuard's file
  bool follow = true;         // the automatic mode follows power
  bool steer_x3d = false;
  bool set_epp = false;
};

class PowerWatch {
 public:
  struct Callbacks {
    // The choice is another than before.
    std::function<void(const power::Choice&)> choice = {};
    // Somebody chose another power profile: for vigilctl watch.
    std::function<void(const std::string& profile)> profile = {};
  };

  // Puts back at once what a former life left changed.
  PowerWatch(loop::Loop& loop, PowerOptions options, Callbacks callbacks);
  ~PowerWatch();

  void on_machine(const topology::Power& power);
  // `fast`, `save`: the mode in force.
  void on_mode(bool fast, bool save);
  // A process is, or is no longer, a game.
  void on_process(std::uint32_t tgid, bool is_game);
  // All games there are, after a look at every process.
  void on_processes(const std::vector<std::uint32_t>& games);

  const power::Situation& situation() const { return situation_; }
  const power::Choice& choice() const { return choice_; }
  const std::vector<AttributeGuard::Held>& held() const { return guard_.held(); }
  std::vector<std::string> degraded() const;

 private:
  void decide();
  void on_games();
  void set_hardware();

  PowerOptions options_;
  Callbacks callbacks_;
  power::Situation situation_;
  power::Choice choice_;
  power::Demand demand_;
  std::set<std::uint32_t> games_;
  AttributeGuard guard_;
  std::map<std::string, std::string> refused_;  // by path: why, at the last attempt
  std::string no_profiles_;
  std::optional<edge::PowerProfiles> profiles_;
};

}  // namespace vigil::app
