// SPDX-License-Identifier: GPL-2.0-only
#include "app/rule_book.hpp"

#include <string_view>
#include <unordered_map>

#include "core/config/rules.hpp"
#include "edge/files/config_files.hpp"

namespace vigil::app {

Result<RuleBook> RuleBook::read(const std::vector<std::string>& folders) {
  auto files = edge::read_rule_folders(folders);
  if (!files) return fail(std::move(files).error());
  auto rules = config::parse_rules(*files);
  if (!rules) return fail(config::to_string(rules.error()));
  RuleBook book;
  book.rules = std::move(*rules);
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
  for (const auto& file : *files) book.files.push_back(file.path);
  return book;
}

std::string_view RuleBook::rule_name(std::uint32_t rule) const {
  return rule == kRuleUser ? std::string_view("user") : compiled.rule_name(rule);
}

std::string_view RuleBook::kind_name(std::uint8_t kind) const {
  return kind < compiled.kinds.size() ? std::string_view(compiled.kinds[kind]) : std::string_view();
}

RuleBook::Heirs RuleBook::heirs_of(const RuleBook& before) const {
  std::unordered_map<std::string_view, Decision> by_name;
  for (const auto& row : compiled.rules) {
    if (row.klass == classify::kNoClass) continue;
    Decision decision;
    decision.rule = row.id;
    decision.klass = static_cast<WorkloadClass>(row.klass);
    decision.kind = row.kind;
    decision.flags = row.flags;
    by_name.emplace(compiled.rule_name(row.id), decision);
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
