// SPDX-License-Identifier: GPL-2.0-only
#include "core/policy/profiles/profile.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vigil::policy {

namespace {

constexpr std::array<std::pair<CpuPreference, std::string_view>, 7> kCpus = {{
    {CpuPreference::any, "any"},
    {CpuPreference::vcache, "vcache"},
    {CpuPreference::frequency, "frequency"},
    {CpuPreference::performance, "performance"},
    {CpuPreference::efficient, "efficient"},
    {CpuPreference::low_power, "low-power"},
    {CpuPreference::preferred, "preferred"},
}};

}  // namespace

std::string_view to_string(CpuPreference cpus) {
  for (const auto& [value, name] : kCpus)
    if (value == cpus) return name;
  return "any";
}

std::optional<CpuPreference> parse_cpu_preference(std::string_view wanted) {
  for (const auto& [value, name] : kCpus)
    if (name == wanted) return value;
  return std::nullopt;
}

std::vector<std::string> cpu_preference_names() {
  std::vector<std::string> out;
  for (const auto& [value, name] : kCpus) out.emplace_back(name);
  return out;
}

std::string_view to_string(SmtPreference smt) {
  switch (smt) {
    case SmtPreference::whole_core: return "whole-core";
    case SmtPreference::share: return "share";
    case SmtPreference::unset: break;
  }
  return "default";
}

std::string describe(const ProfileMatch& match) {
  if (match.appid) return "AppID " + std::to_string(match.appid);
  if (!match.rule.empty()) return "rule " + match.rule;
  std::string out;
  for (const auto& condition : match.conditions) out += (out.empty() ? "" : ", ") + classify::describe(condition);
  return out;
}

std::vector<std::uint16_t> ProfileNumbers::number(const std::vector<Profile>& profiles, std::uint16_t limit) {
  std::vector<std::uint16_t> out;
  for (const auto& profile : profiles) {
    auto it = std::find_if(known_.begin(), known_.end(), [&](const Known& known) {
      return known.name == profile.name && known.match == profile.match;
    });
    if (it == known_.end() && known_.size() < limit) it = known_.insert(known_.end(), {profile.name, profile.match});
    out.push_back(it == known_.end() ? std::uint16_t{0} : static_cast<std::uint16_t>(it - known_.begin() + 1));
  }
  return out;
}

void link(const std::vector<Profile>& profiles, const std::vector<std::uint16_t>& numbers, classify::RuleSet& rules) {
  using classify::ProfileKey;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    const auto& profile = profiles[i];
    for (const auto& match : profile.match) {
      if (match.appid) {
        rules.profile_keys.push_back({ProfileKey::Kind::appid, match.appid, numbers[i]});
      } else if (!match.rule.empty()) {
        if (const auto* rule = rules.find(match.rule))
          rules.profile_keys.push_back(
              {ProfileKey::Kind::rule, static_cast<std::uint32_t>(rule - rules.rules.data()) + 1, numbers[i]});
      } else {
        classify::Rule rule;
        rule.name = "profile:" + profile.name;
        rule.profile = numbers[i];
        rule.layer = profile.layer;
        rule.conditions = match.conditions;
        rule.file = profile.file;
        rule.line = profile.line;
        rules.rules.push_back(std::move(rule));
      }
    }
  }
  rules.finish();
}

}  // namespace vigil::policy
