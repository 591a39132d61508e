// SPDX-License-Identifier: GPL-2.0-only
#include "app/rule_book.hpp"

#include <filesystem>
#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/config/ananicy.hpp"
#include "edge/files/config_files.hpp"

namespace vigil::app {

namespace {

// As many as there are elements in the kernel's map, but for the first.
constexpr std::uint16_t kMaxProfiles = 1023;

}  // namespace

Result<RuleBook> RuleBook::read(const std::vector<std::string>& folders, const std::vector<std::string>& profile_folders,
                                const std::string& ananicy_folder, policy::ProfileNumbers& numbers,
                                config::OnMistake on_mistake) {
  config::Mistakes unreadable;
  auto* noted = on_mistake == config::OnMistake::leave_out ? &unreadable : nullptr;
  auto files = edge::read_rule_folders(folders, noted);
  if (!files) return fail(std::move(files).error());
  auto profile_files = edge::read_rule_folders(profile_folders, noted);
  if (!profile_files) return fail(std::move(profile_files).error());
  auto all = config::parse_together(std::move(*files), std::move(*profile_files), on_mistake);
  if (!all) return fail(config::to_string(all.error()));
  all->left_out.insert(all->left_out.end(), unreadable.begin(), unreadable.end());
  RuleBook book;
  book.rules = std::move(all->rules);
  book.profiles = std::move(all->profiles);
  book.left_out = config::to_string(all->left_out);
  book.profile_numbers = numbers.number(book.profiles, kMaxProfiles);
  if (std::find(book.profile_numbers.begin(), book.profile_numbers.end(), 0) != book.profile_numbers.end())
    return fail("profiles were changed " + std::to_string(kMaxProfiles) + " times; more takes a restart of the daemon");
  policy::link(book.profiles, book.profile_numbers, book.rules);
  for (const auto& file : all->profile_files) book.profile_files.push_back(file.path);
  if (!ananicy_folder.empty()) book.add_ananicy(ananicy_folder);
  book.compiled = classify::compile(book.rules);
  for (std::size_t i = 0; i < book.rules.rules.size(); ++i) {
    if (book.compiled.placement[i].in_kernel) continue;
    book.daemon_decides = true;
    for (const auto& condition : book.rules.rules[i].conditions)
      for (const auto& pattern : condition.any)
        switch (pattern.field) {
          case classify::Field::env:
          case classify::Field::env_value: book.wants_environment = true; break;
          case classify::Field::cgroup:
          case classify::Field::cgroup_path: book.wants_cgroup = true; break;
          case classify::Field::device:
            if (const auto kind = classify::parse_device_kind(pattern.text)) book.devices |= classify::device_bit(*kind);
            break;
          default: break;
        }
  }
  for (const auto& file : all->rule_files) book.files.push_back(file.path);
  return book;
}

std::string_view RuleBook::rule_name(std::uint32_t rule) const {
  return rule == kRuleUser ? std::string_view("user") : compiled.rule_name(rule);
}

std::string RuleBook::rule_name(std::uint32_t rule, std::uint16_t profile) const {
  if (rule != kRuleProfile) return std::string(rule_name(rule));
  const auto name = profile_name(profile);
  return name.empty() ? std::string() : "profile:" + name;
}

const policy::Profile* RuleBook::profile(std::uint16_t number) const {
  const auto it = std::find(profile_numbers.begin(), profile_numbers.end(), number);
  return number == 0 || it == profile_numbers.end() ? nullptr : &profiles[static_cast<std::size_t>(it - profile_numbers.begin())];
}

std::string RuleBook::profile_name(std::uint16_t number) const {
  const auto* found = profile(number);
  return found ? found->name : std::string();
}

std::optional<std::uint16_t> RuleBook::profile_number(std::string_view name) const {
  for (std::size_t i = 0; i < profiles.size(); ++i)
    if (profiles[i].name == name) return profile_numbers[i];
  return std::nullopt;
}

void RuleBook::add_ananicy(const std::string& folder) {
  const auto found = edge::read_ananicy_folder(folder);
  if (!found) {
    ananicy_mistakes.push_back(found.error().message());
    return;
  }
  if (found->empty()) return;
  const auto imported = config::import_ananicy(*found, rules);
  ananicy_names = imported.names;
  for (const auto& mistake : imported.mistakes) ananicy_mistakes.push_back(mistake.to_string());
}

std::string RuleBook::vanished(const std::vector<std::string>& rule_folders, const std::vector<std::string>& profile_folders) const {
  const auto gone = [](const std::vector<std::string>& folders, const std::vector<std::string>& from) -> std::string {
    const auto parent = [](const std::string& path) { return std::filesystem::path(path).lexically_normal().parent_path(); };
    std::error_code error;
    for (const auto& folder : folders) {
      const auto inside = [&](const std::string& file) { return parent(file) == parent(folder + "/x"); };
      if (std::any_of(from.begin(), from.end(), inside) && !std::filesystem::is_directory(folder, error)) return folder;
    }
    return {};
  };
  if (auto folder = gone(rule_folders, files); !folder.empty()) return folder;
  return gone(profile_folders, profile_files);
}

std::string_view RuleBook::kind_name(std::uint8_t kind) const {
  return kind < compiled.kinds.size() ? std::string_view(compiled.kinds[kind]) : std::string_view();
}

RuleBook::Heirs RuleBook::heirs_of(const RuleBook& before) const {
  std::unordered_map<std::string_view, Decision> by_name;
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const auto& rule = rules.rules[i];
    if (!rule.klass) continue;
    Decision decision;
    decision.rule = static_cast<std::uint32_t>(i + 1);
    decision.klass = *rule.klass;
    decision.kind = rule.kind;
    decision.flags = rule.flags;
    // What the daemon has decided and somebody inherited is no less inherited.
    if (!compiled.placement[i].in_kernel) {
      decision.flags = static_cast<std::uint8_t>(decision.flags & ~Decision::kRefine);
      decision.source = Source::daemon;
    }
    by_name.emplace(rule.name, decision);
  }
  Heirs out;
  for (const auto& name : before.compiled.rule_names) {
    const auto found = by_name.find(name);
    out.decisions.push_back(found == by_name.end() ? Decision{} : found->second);
  }
  const auto& old_marks = before.compiled.marks;
  for (std::size_t bit = 0; bit < old_marks.size() && bit < compiled.marks.size() && bit < 32; ++bit)
    if (old_marks[bit] == compiled.marks[bit]) out.marks |= 1U << bit;
  return out;
}

std::vector<std::string> RuleBook::evidence(const TaskVerdict& verdict) const {
  std::vector<std::string> out;
  for (const auto atom : verdict.evidence)
    if (const auto name = compiled.atom_name(atom); !name.empty()) out.emplace_back(name);
  return out;
}

}  // namespace vigil::app
