// SPDX-License-Identifier: GPL-2.0-only
//
// A profile: what one game or one use wants, and how its processes are known. tools/profiles.d/README.md is the same thing for
// people who write profiles.
//
// Which process has which profile is decided in the kernel (bpf/profile.bpf.h), from the rules that link() adds here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/workload_class.hpp"
#include "core/classify/rule.hpp"

namespace vigil::policy {

// Numbers as in bpf/abi.h (enum vigil_cpu_set).
enum class CpuPreference : std::uint8_t {
  any = 0, vcache = 1, frequency = 2, performance = 3, efficient = 4, low_power = 5, preferred = 6,
};
std::string_view to_string(CpuPreference cpus);
std::optional<CpuPreference> parse_cpu_preference(std::string_view name);
std::vector<std::string> cpu_preference_names();

// As in bpf/abi.h (enum vigil_smt_preference).
enum class SmtPreference : std::uint8_t { unset = 0, whole_core = 1, share = 2 };
std::string_view to_string(SmtPreference smt);

// Most that `boost` can be; each step is a lead of kBoostLeadUs and an eighth more service.
inline constexpr int kMaxBoost = 4;
inline constexpr std::uint32_t kBoostLeadUs = 10'000;

struct ProfileSettings {
  std::optional<WorkloadClass> klass;      // absent: what the rules say
  std::optional<std::uint32_t> slice_us;   // service asked for at a time
  std::optional<CpuPreference> cpus;
  bool strict = false;                     // not elsewhere while one of `cpus` is there
  SmtPreference smt = SmtPreference::unset;
  int boost = 0;                           // 0 to kMaxBoost
  std::optional<std::string> mode;         // held while a process of it lives

  bool operator==(const ProfileSettings&) const = default;
};

// One way in which a process can match. Either of the first two alone, or conditions that must all hold.
struct ProfileMatch {
  std::uint32_t appid = 0;
  std::string rule;
  std::vector<classify::Condition> conditions;
  bool operator==(const ProfileMatch&) const = default;
};

struct Profile {
  std::string name;
  std::string title;  // what people call the game: "Cyberpunk 2077"; "" none
  std::string note;
  std::vector<ProfileMatch> match;  // any of them
  ProfileSettings settings;
  std::string file;
  std::uint32_t line = 0;
  std::int32_t layer = 0;
};

// What a match says, for people: "AppID 1091500", "program blender and argv has --background".
std::string describe(const ProfileMatch& match);

// Numbers for profiles that stay the same while the daemon runs, so that what a task carries keeps its meaning over a reload: a
// profile of the same name and the same matches keeps its number, another gets one that was never used. From 1.
class ProfileNumbers {
 public:
  // By position. 0 for those beyond the `limit` numbers there are.
  std::vector<std::uint16_t> number(const std::vector<Profile>& profiles, std::uint16_t limit);

 private:
  struct Known {
    std::string name;
    std::vector<ProfileMatch> match;
  };
  std::vector<Known> known_;  // by number - 1
};

// Adds what finds the profiles to the rules: a rule "profile:NAME" each for conditions, and keys. `numbers` by position. The rules are
// finished again.
void link(const std::vector<Profile>& profiles, const std::vector<std::uint16_t>& numbers, classify::RuleSet& rules);

}  // namespace vigil::policy
