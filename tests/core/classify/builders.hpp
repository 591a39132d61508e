// SPDX-License-Identifier: GPL-2.0-only
//
// Rules and processes in a line each.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/classify/decide.hpp"
#include "core/classify/table_eval.hpp"

namespace vigil::classify {

class RuleBuilder {
 public:
  explicit RuleBuilder(std::string name) { rule_.name = std::move(name); }
  RuleBuilder& is(WorkloadClass klass) { return rule_.klass = klass, *this; }
  RuleBuilder& when(Field field, std::vector<std::string> any) { return add(field, std::move(any), false); }
  RuleBuilder& unless(Field field, std::vector<std::string> any) { return add(field, std::move(any), true); }
  RuleBuilder& priority(std::uint32_t value) { return rule_.priority = value, *this; }
  RuleBuilder& layer(std::int32_t value) { return rule_.layer = value, *this; }
  RuleBuilder& flags(std::uint8_t value) { return rule_.flags = value, *this; }
  RuleBuilder& mark(std::uint32_t bits) { return rule_.mark = bits, *this; }
  RuleBuilder& under(std::uint32_t bits) { return rule_.under = bits, *this; }
  RuleBuilder& not_under(std::uint32_t bits) { return rule_.not_under = bits, *this; }
  RuleBuilder& previous(WorkloadClass klass) {
    return rule_.previous |= 1U << static_cast<unsigned>(klass), *this;
  }
  operator Rule() const { return rule_; }

 private:
  RuleBuilder& add(Field field, std::vector<std::string> any, bool negated) {
    Condition condition{{}, negated};
    for (const auto& text : any) condition.any.push_back(make_pattern(field, text));
    rule_.conditions.push_back(std::move(condition));
    return *this;
  }
  Rule rule_;
};

inline RuleBuilder rule(std::string name) { return RuleBuilder(std::move(name)); }

inline RuleSet rule_set(std::vector<Rule> rules) {
  RuleSet set;
  set.rules = std::move(rules);
  set.marks = {"first", "second"};
  set.finish();
  return set;
}

// Rules the kernel decides alone, for holding the two evaluations against each other.
inline std::vector<bool> kernel_rules(const CompiledRules& tables) {
  std::vector<bool> out;
  for (const auto& placement : tables.placement) out.push_back(placement.in_kernel);
  return out;
}

}  // namespace vigil::classify
