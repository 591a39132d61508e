// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/together.hpp"

#include <algorithm>
#include <set>

#include "core/config/profiles.hpp"
#include "core/config/rules.hpp"

namespace vigil::config {

namespace {

constexpr std::size_t kMostTries = 64;  // files that are suspected one by one

using Files = std::vector<SourceFile>;
using Paths = std::set<std::string, std::less<>>;

Files without(const Files& files, const Paths& dropped) {
  Files out;
  for (const auto& file : files)
    if (file.layer == 0 || !dropped.contains(file.path)) out.push_back(file);
  return out;
}

Paths own_files(const Files& rule_files, const Files& profile_files) {
  Paths out;
  for (const auto* files : {&rule_files, &profile_files})
    for (const auto& file : *files)
      if (file.layer > 0) out.insert(file.path);
  return out;
}

Parsed<Together> parse_all(const Files& rule_files, const Files& profile_files) {
  auto rules = parse_rules(rule_files);
  auto profiles = parse_profiles(profile_files, rules ? &*rules : nullptr);
  if (rules && profiles) return Together{std::move(*rules), std::move(*profiles), rule_files, profile_files, {}};
  Mistakes mistakes = rules ? Mistakes{} : std::move(rules).error();
  if (!profiles) mistakes.insert(mistakes.end(), profiles.error().begin(), profiles.error().end());
  return tl::unexpected(std::move(mistakes));
}

// None of the own files has a mistake of its own: which of them is to blame for those of the others.
Paths to_blame(const Files& rule_files, const Files& profile_files, const Paths& own) {
  if (own.size() > kMostTries) return own;
  for (const auto& path : own)
    if (parse_all(without(rule_files, {path}), without(profile_files, {path}))) return {path};
  return own;
}

}  // namespace

Parsed<Together> parse_together(Files rule_files, Files profile_files, OnMistake on_mistake) {
  Mistakes left_out;
  for (;;) {
    auto all = parse_all(rule_files, profile_files);
    if (all) {
      all->left_out = std::move(left_out);
      return all;
    }
    const auto& mistakes = all.error();
    const auto own = own_files(rule_files, profile_files);
    if (on_mistake == OnMistake::refuse || own.empty()) {
      left_out.insert(left_out.end(), mistakes.begin(), mistakes.end());
      return tl::unexpected(std::move(left_out));
    }
    Paths dropped;
    for (const auto& mistake : mistakes)
      if (own.contains(mistake.file)) {
        dropped.insert(mistake.file);
        left_out.push_back(mistake);
      }
    if (dropped.empty()) {
      dropped = to_blame(rule_files, profile_files, own);
      for (const auto& path : dropped)
        left_out.push_back({path, 0, 0, "beside it there is a mistake in what ships: " + mistakes.front().to_string()});
    }
    rule_files = without(rule_files, dropped);
    profile_files = without(profile_files, dropped);
  }
}

}  // namespace vigil::config
