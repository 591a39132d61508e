// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/rule.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/text.hpp"

namespace vigil::classify {

std::string_view to_string(Level level) {
  switch (level) {
    case Level::user: return "user";
    case Level::thread: return "thread";
    case Level::image: return "image";
    case Level::cgroup: return "cgroup";
    case Level::ancestry: return "ancestry";
  }
  return "image";
}

namespace {

constexpr std::array kFlags = {KernelFlag::kthread, KernelFlag::kworker,  KernelFlag::pidns,
                               KernelFlag::nice,    KernelFlag::realtime, KernelFlag::any, KernelFlag::script,
                               KernelFlag::storm};

std::string_view subject(Field field) {
  switch (field) {
    case Field::exe: return "executable";
    case Field::script: return "script";
    case Field::arg0: return "argv[0]";
    case Field::arg: return "argv";
    case Field::env:
    case Field::env_value: return "env";
    case Field::dir: return "folder";
    case Field::comm: return "thread name";
    case Field::cgroup: return "cgroup";
    case Field::flag: return "kernel says";
    case Field::exe_path: return "executable path";
    case Field::cgroup_path: return "cgroup path";
    case Field::uid: return "user id";
    case Field::device: return "opened";
  }
  return "?";
}

bool is_image(Field field) { return field != Field::comm && field != Field::cgroup && field != Field::cgroup_path; }

}  // namespace

std::string_view to_string(KernelFlag flag) {
  switch (flag) {
    case KernelFlag::kthread: return "kthread";
    case KernelFlag::kworker: return "kworker";
    case KernelFlag::pidns: return "pidns";
    case KernelFlag::nice: return "nice";
    case KernelFlag::realtime: return "realtime";
    case KernelFlag::any: return "any";
    case KernelFlag::script: return "script";
    case KernelFlag::storm: return "storm";
  }
  return "any";
}

std::optional<KernelFlag> parse_kernel_flag(std::string_view name) {
  for (const auto flag : kFlags)
    if (to_string(flag) == name) return flag;
  return std::nullopt;
}

Pattern make_pattern(Field field, std::string_view text) {
  Pattern pattern{field, Shape::exact, std::string(text), {}};
  if (field == Field::flag || field == Field::uid) return pattern;
  const auto stars = std::count(text.begin(), text.end(), '*');
  if (stars == 0 && text.find('?') == std::string_view::npos) return pattern;
  if (stars != 1 || text.find('?') != std::string_view::npos || text.size() == 1) {
    pattern.shape = Shape::glob;
    return pattern;
  }
  const auto star = text.find('*');
  if (star + 1 == text.size()) {
    pattern.shape = Shape::prefix;
    pattern.text = text.substr(0, star);
  } else if (star == 0) {
    pattern.shape = Shape::suffix;
    pattern.text = text.substr(1);
  } else {
    pattern.shape = Shape::pair;
    pattern.text = text.substr(0, star);
    pattern.tail = text.substr(star + 1);
  }
  return pattern;
}

bool matches(const Pattern& pattern, std::string_view value) {
  switch (pattern.shape) {
    case Shape::exact: return value == pattern.text;
    case Shape::prefix: return value.starts_with(pattern.text);
    case Shape::suffix: return value.ends_with(pattern.text);
    case Shape::pair:
      return value.size() >= pattern.text.size() + pattern.tail.size() && value.starts_with(pattern.text) &&
             value.ends_with(pattern.tail);
    case Shape::glob: return glob_match(pattern.text, value);
  }
  return false;
}

std::string_view to_string(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::nvidia: return "nvidia";
    case DeviceKind::drm_render: return "drm-render";
    case DeviceKind::kfd: return "kfd";
    case DeviceKind::kvm: return "kvm";
    case DeviceKind::vfio: return "vfio";
  }
  return "";
}

std::optional<DeviceKind> parse_device_kind(std::string_view name) {
  for (const auto kind : kDeviceKinds)
    if (to_string(kind) == name) return kind;
  return std::nullopt;
}

std::string written(const Pattern& pattern) {
  switch (pattern.shape) {
    case Shape::exact:
    case Shape::glob: return pattern.text;
    case Shape::prefix: return pattern.text + '*';
    case Shape::suffix: return '*' + pattern.text;
    case Shape::pair: return pattern.text + '*' + pattern.tail;
  }
  return pattern.text;
}

std::string describe(const Pattern& pattern) {
  std::string out(subject(pattern.field));
  switch (pattern.shape) {
    case Shape::exact: return out + (pattern.field == Field::arg ? " has " : " ") + pattern.text;
    case Shape::prefix: return out + " starts with " + pattern.text;
    case Shape::suffix: return out + " ends with " + pattern.text;
    case Shape::pair:
    case Shape::glob: return out + ' ' + written(pattern);
  }
  return out;
}

Patterns::Patterns(std::vector<Pattern> patterns) : shared_(std::make_shared<Shared>()) {
  shared_->items = std::move(patterns);
  for (const auto& pattern : shared_->items) note(*shared_, pattern);
}

void Patterns::note(Shared& shared, const Pattern& pattern) {
  const bool thread = pattern.field == Field::comm;
  shared.names_thread = shared.names_thread || thread;
  shared.only_threads = shared.only_threads && thread;
  shared.names_image = shared.names_image || is_image(pattern.field);
  shared.needs_daemon = shared.needs_daemon || pattern.shape == Shape::glob || pattern.field >= Field::exe_path;
}

Patterns::Shared& Patterns::own() {
  if (!shared_)
    shared_ = std::make_shared<Shared>();
  else if (shared_.use_count() > 1)
    shared_ = std::make_shared<Shared>(*shared_);
  return *shared_;
}

void Patterns::push_back(Pattern pattern) {
  auto& shared = own();
  note(shared, pattern);
  shared.items.push_back(std::move(pattern));
}

void Patterns::append(const Patterns& others) {
  if (!shared_) {
    shared_ = others.shared_;
    return;
  }
  for (const auto& pattern : others) push_back(pattern);
}

bool Patterns::operator==(const Patterns& other) const {
  return shared_ == other.shared_ || std::equal(begin(), end(), other.begin(), other.end());
}

std::string describe(const Condition& condition) {
  constexpr std::size_t kShown = 4;
  std::string out = condition.negated ? "not: " : "";
  for (std::size_t i = 0; i < condition.any.size() && i < kShown; ++i)
    out += (i ? " or " : "") + describe(condition.any[i]);
  if (condition.any.size() > kShown) out += " or " + std::to_string(condition.any.size() - kShown) + " more";
  return out;
}

Level level_of(const std::vector<Condition>& conditions) {
  Level level = Level::cgroup;
  for (const auto& condition : conditions) {
    if (condition.any.names_thread()) return Level::thread;
    if (condition.any.names_image()) level = Level::image;
  }
  return level;
}

void RuleSet::finish() {
  std::vector<std::size_t> order(rules.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(rules[a].layer, rules[a].priority) < std::pair(rules[b].layer, rules[b].priority);
  });
  for (std::size_t i = 0; i < order.size(); ++i) rules[order[i]].rank = static_cast<std::uint16_t>(i + 1);
  for (auto& rule : rules) rule.level = rule.by_name ? Level::image : level_of(rule.conditions);
}

std::uint16_t RuleSet::profile_by(ProfileKey::Kind kind, std::uint32_t value) const {
  const auto it = std::find_if(profile_keys.begin(), profile_keys.end(),
                               [&](const ProfileKey& key) { return key.kind == kind && key.value == value; });
  return it == profile_keys.end() || value == 0 ? std::uint16_t{0} : it->profile;
}

const Rule* RuleSet::find(std::string_view name) const {
  const auto it = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.name == name; });
  return it == rules.end() ? nullptr : &*it;
}

}  // namespace vigil::classify
