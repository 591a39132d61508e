// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/facts.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace vigil::classify {

bool has_flag(const Facts& facts, KernelFlag flag) {
  if (flag == KernelFlag::any) return true;
  if (flag == KernelFlag::script && !facts.script.empty()) return true;
  return facts.flags & flag_bit(flag);
}

std::string script_of(std::string_view comm, std::string_view exe, const std::vector<std::string>& argv) {
  if (comm.empty() || base_name(exe).starts_with(comm)) return {};
  for (std::size_t i = 1; i < argv.size() && i < 4; ++i)
    if (base_name(argv[i]).substr(0, kMaxComm) == comm) return argv[i];
  return {};
}

std::string_view arg0_name(std::string_view arg0) {
  const auto at = arg0.find_last_of("/\\");
  return at == std::string_view::npos ? arg0 : arg0.substr(at + 1);
}

std::vector<std::string_view> path_components(std::string_view path) {
  auto parts = split(path, '/');
  std::erase_if(parts, [](std::string_view part) { return part.empty(); });
  return parts;
}

std::vector<std::string_view> nearest_dirs(std::string_view exe) {
  auto parts = path_components(exe);
  if (!parts.empty()) parts.pop_back();
  std::reverse(parts.begin(), parts.end());
  if (parts.size() > kMaxDirs) parts.resize(kMaxDirs);
  return parts;
}

std::optional<std::uint32_t> leading_number(std::string_view text) {
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  const auto number = parse_number<std::uint32_t>(digits);
  return number && *number ? number : std::nullopt;
}

std::optional<std::string> find_match(const Pattern& pattern, const Facts& facts) {
  const auto one = [&](std::string_view value) -> std::optional<std::string> {
    if (value.empty() || !matches(pattern, value)) return std::nullopt;
    return std::string(value);
  };
  const auto first = [&](const auto& values, auto part, std::size_t limit) -> std::optional<std::string> {
    for (std::size_t i = 0; i < values.size() && i < limit; ++i)
      if (auto found = one(part(std::string_view(values[i])))) return found;
    return std::nullopt;
  };
  constexpr auto whole = [](std::string_view value) { return value; };
  constexpr auto key = [](std::string_view value) {
    const auto equals = value.find('=');
    return equals == std::string_view::npos ? std::string_view() : value.substr(0, equals);
  };

  switch (pattern.field) {
    case Field::exe: return one(base_name(facts.exe));
    case Field::script: return one(base_name(facts.script));
    case Field::arg0: return facts.argv.empty() ? std::nullopt : one(arg0_name(facts.argv.front()));
    case Field::arg: return first(facts.argv, whole, kMaxArgs);
    case Field::env: return first(facts.env, key, facts.env.size());
    case Field::env_value: return first(facts.env, whole, facts.env.size());
    case Field::dir: return first(nearest_dirs(facts.exe), whole, kMaxDirs);
    case Field::comm: return one(std::string_view(facts.comm).substr(0, kMaxComm));
    case Field::cgroup: return first(path_components(facts.cgroup), whole, facts.cgroup.size());
    case Field::exe_path: return one(facts.exe);
    case Field::cgroup_path: return one(facts.cgroup);
    case Field::flag: {
      const auto flag = parse_kernel_flag(pattern.text);
      if (!flag || !has_flag(facts, *flag)) return std::nullopt;
      return pattern.text;
    }
    case Field::device: {
      const auto kind = parse_device_kind(pattern.text);
      if (!kind || !(facts.devices & device_bit(*kind))) return std::nullopt;
      return pattern.text;
    }
    case Field::uid:
      if (!facts.uid || std::to_string(*facts.uid) != pattern.text) return std::nullopt;
      return pattern.text;
  }
  return std::nullopt;
}

}  // namespace vigil::classify
