// SPDX-License-Identifier: GPL-2.0-only
#include "app/rule_book.hpp"

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
        if (pattern.field == classify::Field::env || pattern.field == classify::Field::env_value) book.wants_environment = true;
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

std::vector<std::string> RuleBook::evidence(const TaskVerdict& verdict) const {
  std::vector<std::string> out;
  for (const auto atom : verdict.evidence)
    if (const auto name = compiled.atom_name(atom); !name.empty()) out.emplace_back(name);
  return out;
}

}  // namespace vigil::app
