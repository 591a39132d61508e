// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/decide.hpp"

#include <algorithm>

#include "core/classify/names.hpp"

namespace vigil::classify {

namespace {

// The groups of a path, root first: name and path of each.
struct Group {
  std::string_view name;
  std::string_view path;
};

std::vector<Group> groups(std::string_view path) {
  std::vector<Group> out;
  for (const auto name : path_components(path))
    out.push_back({name, path.substr(0, static_cast<std::size_t>(name.data() - path.data()) + name.size())});
  return out;
}

// A group shows what its own name and those above it say. A pattern with a star in the middle is its two parts,
// each of which may come from another name of the path.
bool shown(const Pattern& pattern, const std::vector<Group>& line) {
  const auto any = [&](const Pattern& part) {
    return std::any_of(line.begin(), line.end(), [&](const Group& group) { return matches(part, group.name); });
  };
  if (pattern.field == Field::cgroup_path) return matches(pattern, line.back().path);
  if (pattern.shape != Shape::pair) return any(pattern);
  return any({pattern.field, Shape::prefix, pattern.text, {}}) && any({pattern.field, Shape::suffix, pattern.tail, {}});
}

// Does the group's own name bring the rule up? (Of a star in the middle, the first part.)
bool brings_up(const Pattern& pattern, const Group& group) {
  if (pattern.field == Field::cgroup_path) return matches(pattern, group.path);
  return pattern.shape == Shape::pair ? group.name.starts_with(pattern.text) : matches(pattern, group.name);
}

// `line`: the groups from the root to the one in question.
bool holds_for_group(const Rule& rule, const std::vector<Group>& line) {
  bool brought_up = false;
  for (const auto& condition : rule.conditions) {
    const auto begin = condition.any.begin(), end = condition.any.end();
    if (std::any_of(begin, end, [&](const Pattern& pattern) { return shown(pattern, line); }) == condition.negated)
      return false;
    brought_up = brought_up || (!condition.negated && std::any_of(begin, end, [&](const Pattern& pattern) {
                                  return brings_up(pattern, line.back()) && shown(pattern, line);
                                }));
  }
  return brought_up;
}

bool condition_holds(const Condition& condition, const Facts& facts) {
  const bool any = std::any_of(condition.any.begin(), condition.any.end(),
                               [&](const Pattern& pattern) { return find_match(pattern, facts).has_value(); });
  return any != condition.negated;
}

bool circumstances_hold(const Rule& rule, const Facts& facts) {
  if ((facts.marks & rule.under) != rule.under || (facts.marks & rule.not_under)) return false;
  return !rule.previous || (facts.previous_known && rule.previous >> static_cast<unsigned>(facts.previous.klass) & 1);
}

Decision decision_of(const Rule& rule, std::uint32_t id) { return {id, *rule.klass, rule.kind, rule.flags}; }

std::uint32_t captured(const Facts& facts, const RuleSet& rules) {
  const auto behind = [&](Field field, std::string_view value) -> std::uint32_t {
    for (const auto& capture : rules.captures) {
      if (capture.pattern.field != field) continue;
      const std::string prefix = field == Field::env ? capture.pattern.text + '=' : capture.pattern.text;
      if (!value.starts_with(prefix)) continue;
      if (const auto number = leading_number(value.substr(prefix.size()))) return *number;
    }
    return 0;
  };
  for (std::size_t i = 0; i < facts.argv.size() && i < kMaxArgs; ++i)
    if (const auto number = behind(Field::arg, facts.argv[i])) return number;
  for (const auto& variable : facts.env)
    if (const auto number = behind(Field::env, variable)) return number;
  const auto components = path_components(facts.cgroup);
  for (auto it = components.rbegin(); it != components.rend(); ++it)
    if (const auto number = behind(Field::cgroup, *it)) return number;
  return 0;
}

}  // namespace

std::optional<Level> Verdict::level() const {
  for (std::size_t i = 0; i < levels.size(); ++i)
    if (levels[i]) return static_cast<Level>(i);
  return std::nullopt;
}

Decision Verdict::in_force() const {
  const auto at = level();
  return at ? *levels[static_cast<std::size_t>(*at)] : Decision{};
}

std::uint16_t matched_profile(const Verdict& verdict, std::uint16_t direct, const std::vector<ProfileKey>& keys) {
  if (direct) return direct;
  const auto find = [&](ProfileKey::Kind kind, std::uint32_t value) -> std::uint16_t {
    for (const auto& key : keys)
      if (value && key.kind == kind && key.value == value) return key.profile;
    return 0;
  };
  const auto force = verdict.in_force();
  if (force.klass == WorkloadClass::gaming)
    if (const auto found = find(ProfileKey::Kind::appid, verdict.appid)) return found;
  return find(ProfileKey::Kind::rule, force.rule);
}

bool holds(const Rule& rule, const Facts& facts) {
  if (rule.by_name) return false;  // the table knows, decide() asks it
  if (rule.level == Level::cgroup) {
    std::vector<Group> line;
    for (const auto& group : groups(facts.cgroup)) {
      line.push_back(group);
      if (holds_for_group(rule, line)) return true;
    }
    return false;
  }
  return circumstances_hold(rule, facts) &&
         std::all_of(rule.conditions.begin(), rule.conditions.end(),
                     [&](const Condition& condition) { return condition_holds(condition, facts); });
}

Verdict decide(const Facts& facts, const RuleSet& rules, const std::vector<bool>* only) {
  Verdict verdict;
  const auto counts = [&](std::size_t i) { return !only || (*only)[i]; };
  const Rule* boundary = nullptr;
  const Rule* chooses = nullptr;  // a profile
  std::uint32_t new_marks = 0;
  std::array<const Rule*, kLevelCount> winner{};

  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const Rule& rule = rules.rules[i];
    if (!counts(i) || rule.level == Level::cgroup || !holds(rule, facts)) continue;
    if (rule.flags & kRefine) verdict.refine = true;
    if (rule.profile && (!chooses || rule.rank > chooses->rank)) chooses = &rule;
    if (rule.level == Level::image) {
      new_marks |= rule.mark;
      if ((rule.flags & kBoundary) && (!boundary || rule.rank > boundary->rank)) boundary = &rule;
    }
    auto& best = winner[static_cast<std::size_t>(rule.level)];
    if (rule.klass && (!best || rule.rank > best->rank)) best = &rule;
  }
  if (auto& image = winner[static_cast<std::size_t>(Level::image)]; !image && rules.names)
    image = rules.by_id(rules.names->find(facts));
  const auto id = [&](const Rule* rule) { return static_cast<std::uint32_t>(rule - rules.rules.data()) + 1; };
  for (const auto level : {Level::thread, Level::image}) {
    const auto slot = static_cast<std::size_t>(level);
    if (winner[slot]) verdict.levels[slot] = decision_of(*winner[slot], id(winner[slot]));
  }

  std::vector<Group> line;
  for (const auto& group : groups(facts.cgroup)) {
    line.push_back(group);
    const Rule* best = nullptr;
    for (std::size_t i = 0; i < rules.rules.size(); ++i) {
      const Rule& rule = rules.rules[i];
      if (!counts(i) || rule.level != Level::cgroup || !rule.klass || !holds_for_group(rule, line)) continue;
      if (!best || rule.rank > best->rank) best = &rule;
    }
    if (best) verdict.levels[static_cast<std::size_t>(Level::cgroup)] = decision_of(*best, id(best));
  }

  const Rule* image = winner[static_cast<std::size_t>(Level::image)];
  if (boundary && (!image || boundary->rank >= image->rank)) verdict.boundary = id(boundary);
  if (!verdict.boundary && facts.previous.rule && (facts.previous.flags & kInherit))
    verdict.levels[static_cast<std::size_t>(Level::ancestry)] = facts.previous;
  verdict.marks = (verdict.boundary ? 0 : facts.marks) | new_marks;
  verdict.appid = captured(facts, rules);
  verdict.profile = matched_profile(verdict, chooses ? chooses->profile : std::uint16_t{0}, rules.profile_keys);
  return verdict;
}

namespace {

std::vector<std::string> evidence_of(const Rule& rule, const Facts& facts) {
  std::vector<std::string> out;
  for (const auto& condition : rule.conditions) {
    if (condition.negated) continue;
    for (const auto& pattern : condition.any)
      if (find_match(pattern, facts)) {
        out.push_back(describe(pattern));
        break;
      }
  }
  return out;
}

// Why a rule that has something for it does not hold; "" when it has nothing for it.
std::string failure(const Rule& rule, const Facts& facts, const RuleSet& rules) {
  bool something = false;
  std::string why;
  const auto add = [&](std::string reason) { why += (why.empty() ? "" : "; ") + std::move(reason); };
  for (const auto& condition : rule.conditions) {
    if (!condition.negated) {
      const bool held = condition_holds(condition, facts);
      const bool always = std::any_of(condition.any.begin(), condition.any.end(), [](const Pattern& pattern) {
        return pattern.field == Field::flag && pattern.text == to_string(KernelFlag::any);
      });
      something = something || (held && !always);
      if (!held) add("wants " + describe(condition));
      continue;
    }
    for (const auto& pattern : condition.any)
      if (find_match(pattern, facts)) {
        add("not with " + describe(pattern));
        break;
      }
  }
  for (std::size_t i = 0; i < rules.marks.size(); ++i) {
    const auto bit = 1U << i;
    if (rule.under & bit & ~facts.marks) add("wants to be under " + rules.marks[i]);
    if (rule.not_under & bit & facts.marks) add("not under " + rules.marks[i]);
  }
  if (rule.previous && !facts.previous_known)
    add("asks what the image before was, which is not known any more");
  else if (rule.previous && !(rule.previous >> static_cast<unsigned>(facts.previous.klass) & 1))
    add("the image before was " + std::string(to_string(facts.previous.klass)));
  return something ? why : std::string();
}

}  // namespace

Explanation explain(const Facts& facts, const RuleSet& rules, const Verdict* known) {
  Explanation out;
  out.verdict = known ? *known : decide(facts, rules);
  const auto level = out.verdict.level();
  const Decision won = out.verdict.in_force();
  if (const Rule* rule = rules.by_id(won.rule); rule && level != Level::ancestry)
    out.evidence = rule->by_name && rules.names ? std::vector{"ananicy's rules name " + std::string(rules.names->found_by(facts))}
                                                : evidence_of(*rule, facts);

  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const Rule& rule = rules.rules[i];
    const auto id = static_cast<std::uint32_t>(i + 1);
    if (level != Level::ancestry && id == won.rule) continue;
    if (rule.by_name) continue;
    if (!holds(rule, facts)) {
      if (auto why = failure(rule, facts, rules); !why.empty()) out.considered.push_back({id, false, std::move(why)});
      continue;
    }
    const auto& at_level = out.verdict.levels[static_cast<std::size_t>(rule.level)];
    if (rule.profile) {
      if (rule.profile != out.verdict.profile) out.considered.push_back({id, true, "another profile matches more closely"});
    } else if (!rule.klass) {
      out.considered.push_back({id, true, id == out.verdict.boundary ? "ends what is inherited" : "says nothing of the class"});
    } else if (at_level && at_level->rule != id) {
      const Rule* better = rules.by_id(at_level->rule);
      out.considered.push_back({id, true,
                                better->name + (rule.level == Level::cgroup ? " is nearer or has a higher priority"
                                                : better->layer > rule.layer ? " is in a later folder"
                                                                             : " has a higher priority")});
    } else if (level) {
      out.considered.push_back(
          {id, true, "the " + std::string(to_string(*level)) + " level comes before the " +
                         std::string(to_string(rule.level)) + " level"});
    }
  }
  return out;
}

}  // namespace vigil::classify
