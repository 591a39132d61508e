// SPDX-License-Identifier: GPL-2.0-only
#include "app/refine.hpp"

#include <algorithm>

#include "app/facts.hpp"
#include "core/classify/decide.hpp"
#include "core/classify/look.hpp"

namespace vigil::app {

namespace {

constexpr auto kImage = static_cast<std::size_t>(Level::image);

classify::Facts describe(const Process& process, const ProcessFacts& facts) {
  auto out = describe_process(facts, process.comm, process.uid);
  out.devices = process.devices;
  return out;
}

// The strongest of the daemon's own rules that holds, if it is stronger than the kernel's decision.
std::optional<Decision> by_rules(const RuleBook& book, const Process& process, const ProcessFacts& facts) {
  if (!book.daemon_decides) return std::nullopt;
  const auto described = describe(process, facts);
  const auto* kernels = book.rules.by_id(process.verdict.decisions[kImage].rule);
  const classify::Rule* best = kernels;
  for (std::size_t i = 0; i < book.rules.rules.size(); ++i) {
    const auto& rule = book.rules.rules[i];
    if (book.compiled.placement[i].in_kernel || rule.level != classify::Level::image || !rule.klass) continue;
    if ((!best || rule.rank > best->rank) && classify::holds(rule, described)) best = &rule;
  }
  if (!best || best == kernels) return std::nullopt;
  Decision out;
  out.rule = static_cast<std::uint32_t>(best - book.rules.rules.data()) + 1;
  out.klass = *best->klass;
  out.kind = best->kind;
  out.flags = static_cast<std::uint8_t>(best->flags & ~Decision::kRefine);
  out.source = Source::daemon;
  return out;
}

// The strongest profile that only a closer look can find, if nothing stronger was found at the exec. 0: none.
std::uint16_t profile_by_rules(const RuleBook& book, const Process& process, const ProcessFacts& facts) {
  if (!book.daemon_decides) return 0;
  std::optional<classify::Facts> described;
  const classify::Rule* best = nullptr;
  std::uint16_t found_rank = 0;
  for (std::size_t i = 0; i < book.rules.rules.size(); ++i) {
    const auto& rule = book.rules.rules[i];
    if (!rule.profile) continue;
    if (rule.profile == process.verdict.matched) found_rank = std::max(found_rank, rule.rank);
    if (book.compiled.placement[i].in_kernel) continue;
    if (!described) described = describe(process, facts);
    if ((!best || rule.rank > best->rank) && classify::holds(rule, *described)) best = &rule;
  }
  return best && best->rank > found_rank ? best->profile : std::uint16_t{0};
}

void look_at_guest(const RuleBook& book, const Process& process, const ProcessFacts& facts, Refinement& out) {
  auto look = classify::look_at_vm(facts.argv);
  if (!look.name.empty()) out.title = look.name;
  const auto& kinds = book.compiled.kinds;
  const auto kind = std::find(kinds.begin(), kinds.end(), classify::to_string(look.kind));
  if (kind == kinds.end()) return;
  Decision decision = process.verdict.decisions[kImage];
  const auto number = static_cast<std::uint8_t>(kind - kinds.begin());
  if (decision.kind == number) return;
  decision.kind = number;
  decision.flags = static_cast<std::uint8_t>(decision.flags & ~Decision::kRefine);
  decision.source = Source::daemon;
  out.decision = decision;
}

}  // namespace

Refine refine_by(const RuleBook& book) {
  return [&book](const Process& process, const ProcessFacts& facts) {
    Refinement out;
    const auto& image = process.verdict.decisions[kImage];
    if (auto title = classify::windows_program(facts.argv)) out.title = std::move(*title);
    if (image.rule && image.klass == WorkloadClass::vm) look_at_guest(book, process, facts, out);
    if (auto decision = by_rules(book, process, facts)) out.decision = decision;
    out.profile = profile_by_rules(book, process, facts);
    return out;
  };
}

}  // namespace vigil::app
