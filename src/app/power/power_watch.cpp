// SPDX-License-Identifier: GPL-2.0-only
#include "app/power/power_watch.hpp"

#include <glob.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "log/log.hpp"

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"power"};
constexpr const char* kX3d = "amd_x3d_mode";
constexpr const char* kEpp = "energy_performance_preference";

std::vector<std::string> find_all(const std::string& pattern) {
  std::vector<std::string> out;
  glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) out.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return out;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

PowerWatch::PowerWatch(loop::Loop& loop, PowerOptions options, Callbacks callbacks)
    : options_(std::move(options)), callbacks_(std::move(callbacks)), guard_(options_.notes, {kX3d, kEpp}) {
  for (const auto& sentence : guard_.recover()) kLog.info("left from before: {}", sentence);
  if (!options_.follow || options_.sysfs_root != "/sys") return;
  auto profiles = edge::PowerProfiles::create(loop, [this](const std::optional<std::string>& profile) {
    situation_.power_profile = profile;
    if (callbacks_.profile) callbacks_.profile(profile.value_or("unknown"));
    decide();
  });
  if (profiles)
    profiles_.emplace(std::move(*profiles));
  else if (profiles.error().code() != ENOENT && profiles.error().code() != ECONNREFUSED)  // a machine without a bus has no such daemon
    no_profiles_ = "The desktop's choice of a power profile is not followed (" + profiles.error().message() +
                   "); the power source and firmware's profile are, and vigilctl mode chooses.";
}

PowerWatch::~PowerWatch() {
  for (const auto& sentence : guard_.restore_all()) kLog.info("{}", sentence);
}

std::vector<std::string> PowerWatch::degraded() const {
  std::vector<std::string> out;
  if (!no_profiles_.empty()) out.push_back(no_profiles_);
  // One sentence, however many CPUs refuse the same.
  if (!refused_.empty())
    out.push_back("A setting that vigil.toml asks for cannot be set (" + refused_.begin()->second +
                  (refused_.size() > 1 ? ", and " + std::to_string(refused_.size() - 1) + " more" : "") + "); everything else works.");
  return out;
}

void PowerWatch::on_machine(const topology::Power& power) {
  situation_.source = power.source;
  situation_.platform_profile = power.platform_profile;
  decide();
}

void PowerWatch::decide() {
  if (!options_.follow) return;
  auto choice = power::choose(situation_);
  const bool news = choice.save != choice_.save;
  choice_ = std::move(choice);
  if (news && callbacks_.choice) callbacks_.choice(choice_);
}

void PowerWatch::on_mode(bool fast, bool save) {
  demand_.fast = fast;
  demand_.save = save;
  set_hardware();
}

void PowerWatch::on_process(std::uint32_t tgid, bool is_game) {
  if (is_game)
    games_.insert(tgid);
  else if (games_.erase(tgid) == 0)
    return;
  on_games();
}

void PowerWatch::on_processes(const std::vector<std::uint32_t>& games) {
  games_ = {games.begin(), games.end()};
  on_games();
}

void PowerWatch::on_games() {
  if (demand_.games == !games_.empty()) return;
  demand_.games = !games_.empty();
  set_hardware();
}

void PowerWatch::set_hardware() {
  // All there are are tried each time: what is refused no longer, or is gone, is forgotten.
  const auto refused_before = std::exchange(refused_, {});
  const auto set = [&](const std::string& path, const std::optional<std::string>& value) {
    const auto held_before = guard_.held().size();
    auto done = guard_.set(path, value);
    if (!done) {
      refused_[path] = done.error().message();
      if (const auto same = refused_before.find(path); same == refused_before.end() || same->second != done.error().message())
        kLog.warn("A setting that vigil.toml asks for cannot be set ({}); everything else works.", done.error().message());
    } else if (guard_.held().size() != held_before) {
      kLog.info("{} is {}", path, value ? "'" + *value + "' now" : "as it was found again");
    }
  };
  if (options_.steer_x3d)
    for (const auto& path : find_all(options_.sysfs_root + "/bus/platform/drivers/amd_x3d_vcache/*/" + kX3d))
      set(path, power::wanted_x3d_mode(demand_));
  if (options_.set_epp)
    for (const auto& path : find_all(options_.sysfs_root + "/devices/system/cpu/cpufreq/policy*/" + kEpp)) {
      const auto available = first_line(path.substr(0, path.rfind('/')) + "/energy_performance_available_preferences");
      set(path, power::wanted_epp(demand_, available));
    }
}

}  // namespace vigil::app
