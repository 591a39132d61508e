// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/compile.hpp"
#include "core/classify/names.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <unordered_map>

namespace vigil::classify {

std::uint64_t hash_forward(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

std::uint64_t hash_backward(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (auto it = bytes.rbegin(); it != bytes.rend(); ++it)
    hash = (hash ^ static_cast<unsigned char>(*it)) * 0x100000001b3ULL;
  return hash;
}

AtomKey atom_key(Field field, Shape op, std::string_view text) {
  AtomKey key;
  key.field = static_cast<std::uint8_t>(field);
  key.op = static_cast<std::uint8_t>(op);
  if (field == Field::flag) {
    const auto flag = parse_kernel_flag(text);
    key.hash = flag ? static_cast<std::uint64_t>(*flag) : 0;
    return key;
  }
  key.len = static_cast<std::uint16_t>(text.size());
  key.hash = op == Shape::suffix ? hash_backward(text) : hash_forward(text);
  return key;
}

std::uint32_t filter_slot(std::string_view four) {
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, four.data(), sizeof(bytes));
  return (bytes * 2654435761U) >> 20;
}

std::uint32_t hash_slot(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash ^ hash >> 32) % static_cast<std::uint32_t>(kHashBits);
}

namespace {

constexpr std::size_t kMaxRows = 16;  // of one rule
constexpr std::uint32_t kUnselective = 1000;

// Only one value of the field exists, so that a prefix and a suffix seen are of the same one.
bool single_valued(Field field, Level level) {
  switch (field) {
    case Field::exe:
    case Field::script:
    case Field::arg0:
    case Field::comm: return true;
    case Field::cgroup: return level == Level::cgroup;
    default: return false;
  }
}

// "ab*ba" must not match "aba": when the two parts can overlap, two bits say too much.
bool parts_can_overlap(const Pattern& pattern) {
  for (std::size_t n = 1; n <= std::min(pattern.text.size(), pattern.tail.size()); ++n)
    if (std::string_view(pattern.text).ends_with(std::string_view(pattern.tail).substr(0, n))) return true;
  return false;
}

// Why the kernel cannot look for this pattern; "" when it can.
std::string obstacle(const Pattern& pattern, Level level) {
  const auto quoted = "'" + written(pattern) + "'";
  switch (pattern.field) {
    case Field::exe_path: return "a whole path (" + quoted + ") is only read by the daemon";
    case Field::cgroup_path: return "a whole cgroup path (" + quoted + ") is only known to the daemon";
    case Field::uid: return "the user is only looked at by the daemon";
    case Field::device: return "what a process opens is only known once it has";
    case Field::flag: return {};
    default: break;
  }
  if (pattern.shape == Shape::glob) return quoted + " needs a full pattern match";
  if (std::max(pattern.text.size(), pattern.tail.size()) >= kComparedBytes)
    return quoted + " is longer than the " + std::to_string(kComparedBytes - 1) + " bytes that are compared";
  if (pattern.shape == Shape::pair) {
    if (!single_valued(pattern.field, level))
      return quoted + " has a star in the middle and there is more than one value to hold it against";
    if (parts_can_overlap(pattern)) return "the two parts of " + quoted + " can overlap";
  }
  if (pattern.field == Field::env || pattern.field == Field::env_value) {
    if (pattern.shape == Shape::suffix) return quoted + ": variables are found by their first four letters";
    const auto name = pattern.text.substr(0, pattern.text.find('='));
    if (name.size() < 4) return quoted + ": the kernel looks only at variables with at least four letters";
  }
  if (pattern.field == Field::arg && pattern.text.size() < 4)
    return quoted + ": the kernel looks only at arguments with at least four known letters";
  return {};
}

struct SimpleAtom {
  Field field;
  Shape op;
  std::string text;
};

SimpleAtom front_of(const Pattern& p) { return {p.field, p.shape == Shape::pair ? Shape::prefix : p.shape, p.text}; }
SimpleAtom tail_of(const Pattern& p) { return {p.field, Shape::suffix, p.tail}; }

// An OR of atoms, wherever it is asked for or ruled out.
struct AtomList {
  std::vector<std::uint32_t> slots;  // sorted
  std::uint32_t selectivity = 0;     // of the least telling
  std::uint32_t fields = 0;          // 1 << field
  std::optional<std::uint32_t> bit = {};
};

// Some of the list holds, or none may.
struct Simple {
  AtomList* list = nullptr;  // the compiler's
  bool negated = false;
  bool tail = false;  // what follows a star in the middle: never an anchor
};

using Row = std::vector<Simple>;

// Smaller: seen less often, so fewer rules are tried in vain.
std::uint32_t selectivity(const SimpleAtom& atom) {
  // What becomes known while a program runs is what its rules must be found by.
  if (atom.field == Field::flag && atom.text == to_string(KernelFlag::storm)) return 0;
  if (atom.field == Field::flag) return atom.text == to_string(KernelFlag::any) ? kUnselective : 500;
  static constexpr std::array<std::uint32_t, 10> kOrder = {0, 10, 11, 12, 13, 22, 14, 40, 41, 42};
  const std::uint32_t by_field = kOrder[static_cast<std::size_t>(atom.field)];
  const std::uint32_t by_op = atom.op == Shape::exact ? 0 : atom.op == Shape::prefix ? 20 : 25;
  return by_field + by_op;
}

bool speaks_at(std::uint32_t fields, Level level) {
  constexpr auto bit = [](Field field) { return 1U << static_cast<unsigned>(field); };
  switch (level) {
    case Level::thread: return fields == bit(Field::comm);
    case Level::cgroup: return fields == bit(Field::cgroup);
    default: return !(fields & (bit(Field::comm) | bit(Field::cgroup)));
  }
}

class Compiler {
 public:
  explicit Compiler(const RuleSet& rules) : rules_(rules) {
    out_.kinds = rules.kinds;
    out_.marks = rules.marks;
    out_.profile_keys = rules.profile_keys;
    out_.placement.resize(rules.rules.size());
    out_.rule_names.reserve(rules.rules.size());
    for (const auto& rule : rules.rules) out_.rule_names.push_back(rule.name);
  }

  CompiledRules run() && {
    for (std::size_t i = 0; i < rules_.rules.size(); ++i) add_rule(rules_.rules[i], static_cast<std::uint32_t>(i + 1));
    for (const auto& capture : rules_.captures) slots_[atom_for(front_of(capture.pattern))].atom.capture = 1;
    if (rules_.names && rules_.names->size() > 0) {
      out_.names = rules_.names;
      for (const auto field : {Field::exe, Field::script, Field::arg0}) out_.index.exact_fields |= 1ULL << static_cast<unsigned>(field);
    }
    finish();
    return std::move(out_);
  }

 private:
  struct Slot {
    AtomKey key;
    Atom atom;
    std::vector<std::uint32_t> cands;
  };

  struct Hash {
    std::size_t operator()(const AtomKey& key) const {
      return key.hash ^ (std::size_t{key.len} << 32 | std::size_t{key.field} << 8 | key.op);
    }
  };

  std::uint32_t atom_for(const SimpleAtom& simple) {
    const auto key = atom_key(simple.field, simple.op, simple.text);
    const auto [it, added] = by_key_.try_emplace(key, static_cast<std::uint32_t>(slots_.size()));
    if (added) {
      slots_.push_back({key, {}, {}});
      out_.atom_names.push_back(describe(Pattern{simple.field, simple.op, simple.text, {}}));
      slots_.back().atom.id = static_cast<std::uint32_t>(out_.atom_names.size());
      note_in_index(simple, key);
    }
    return it->second;
  }

  void note_in_index(const SimpleAtom& simple, const AtomKey& key) {
    const auto field = static_cast<std::size_t>(simple.field);
    auto& index = out_.index;
    index.hashes[hash_slot(key.hash) / 64] |= 1ULL << (hash_slot(key.hash) % 64);
    if (simple.op == Shape::exact) index.exact_fields |= 1ULL << field;
    if (simple.op == Shape::prefix) index.prefix_lens[field] |= 1ULL << simple.text.size();
    if (simple.op == Shape::suffix) index.suffix_lens[field] |= 1ULL << simple.text.size();
    const auto note = [](auto& filter, std::string_view four) {
      const auto slot = filter_slot(four);
      filter[slot / 64] |= 1ULL << (slot % 64);
    };
    const std::string_view text = simple.text;
    if (simple.field == Field::env || simple.field == Field::env_value) note(index.env_head, text);
    if (simple.field == Field::arg && simple.op == Shape::suffix) note(index.arg_tail, text.substr(text.size() - 4));
    if (simple.field == Field::arg && simple.op != Shape::suffix) note(index.arg_head, text);
  }

  AtomList* list_of(const std::vector<SimpleAtom>& atoms) {
    AtomList list;
    for (const auto& atom : atoms) {
      list.slots.push_back(atom_for(atom));
      list.selectivity = std::max(list.selectivity, selectivity(atom));
      list.fields |= 1U << static_cast<unsigned>(atom.field);
    }
    std::sort(list.slots.begin(), list.slots.end());
    list.slots.erase(std::unique(list.slots.begin(), list.slots.end()), list.slots.end());
    const auto [it, added] = lists_.try_emplace(list.slots);
    if (added) it->second = std::move(list);
    return &it->second;
  }

  // The ways in which a condition can hold: each an AND of simple ones. Worked out once for all rules that share it.
  const std::vector<Row>& ways(const Condition& condition) {
    const auto [it, added] = ways_.try_emplace({condition.any.identity(), condition.negated});
    if (added) it->second = work_out_ways(condition);
    return it->second;
  }

  std::vector<Row> work_out_ways(const Condition& condition) {
    std::vector<SimpleAtom> plain;
    std::map<std::string, std::vector<Pattern>> pairs;  // by tail
    for (const auto& pattern : condition.any) {
      if (pattern.shape == Shape::pair)
        pairs[pattern.tail].push_back(pattern);
      else
        plain.push_back(front_of(pattern));
    }
    const auto fronts = [](const std::vector<Pattern>& patterns) {
      std::vector<SimpleAtom> out;
      for (const auto& pattern : patterns) out.push_back(front_of(pattern));
      return out;
    };
    std::vector<Row> out;
    if (!condition.negated) {
      if (!plain.empty()) out.push_back({{list_of(plain)}});
      for (const auto& [tail, patterns] : pairs)
        out.push_back({{list_of(fronts(patterns))}, {list_of({tail_of(patterns.front())}), false, true}});
      return out;
    }
    // Not (a* and *b) is: not a*, or not *b.
    out.emplace_back();
    if (!plain.empty()) out.front().push_back({list_of(plain), true});
    for (const auto& [tail, patterns] : pairs) {
      const Simple front{list_of(fronts(patterns)), true}, back{list_of({tail_of(patterns.front())}), true};
      std::vector<Row> doubled;
      for (const auto& row : out)
        for (const auto& part : {front, back}) {
          doubled.push_back(row);
          doubled.back().push_back(part);
        }
      out = std::move(doubled);
      if (out.size() > kMaxRows) break;  // more than can be used: the caller says so
    }
    return out;
  }

  // Why the kernel cannot look for the condition; "" when it can.
  const std::string& obstacle_of(const Condition& condition, Level level) {
    const auto [it, added] = obstacles_.try_emplace({condition.any.identity(), level});
    if (added)
      for (const auto& pattern : condition.any)
        if (it->second = obstacle(pattern, level); !it->second.empty()) break;
    return it->second;
  }

  // The bit of a condition; absent when there is no room for it.
  std::optional<std::uint32_t> bit_for(AtomList& list) {
    if (list.bit) return list.bit;
    const bool full = out_.signals_used >= kSignals || std::any_of(list.slots.begin(), list.slots.end(), [&](std::uint32_t at) {
                        return slots_[at].atom.nr_bits >= kAtomBits;
                      });
    if (full) return std::nullopt;
    list.bit = out_.signals_used++;
    for (const auto at : list.slots) {
      auto& atom = slots_[at].atom;
      atom.bits[atom.nr_bits++] = static_cast<std::uint8_t>(*list.bit);
    }
    return list.bit;
  }

  RuleRow row_of(const Rule& rule, std::uint32_t id) const {
    RuleRow row;
    row.id = id;
    row.mark = rule.mark;
    row.need_marks = rule.under;
    row.avoid_marks = rule.not_under;
    row.previous = rule.previous;
    row.priority = rule.rank;
    row.level = static_cast<std::uint8_t>(rule.level);
    row.klass = rule.klass ? static_cast<std::uint8_t>(*rule.klass) : kNoClass;
    row.kind = rule.kind;
    row.flags = rule.flags;
    row.profile = rule.profile;
    return row;
  }

  // The condition to be tried by; absent when none is of the rule's own level and has room.
  std::optional<std::size_t> anchor_of(const Row& conditions, Level level) {
    std::optional<std::size_t> best;
    std::uint32_t best_score = 0;
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      const auto& list = *conditions[i].list;
      if (conditions[i].negated || conditions[i].tail || !speaks_at(list.fields, level)) continue;
      if (best && list.selectivity >= best_score) continue;
      const bool room = std::all_of(list.slots.begin(), list.slots.end(),
                                    [&](std::uint32_t at) { return slots_[at].cands.size() < kMaxCands; });
      if (room) best = i, best_score = list.selectivity;
    }
    return best;
  }

  struct Planned {
    RuleRow row;
    std::vector<Simple> anchors;
  };

  static std::size_t anchors_in(const Row& conditions) {
    return static_cast<std::size_t>(std::count_if(
        conditions.begin(), conditions.end(), [](const Simple& one) { return !one.negated && !one.tail; }));
  }

  void emit(const Planned& planned) {
    const auto at = static_cast<std::uint32_t>(out_.rules.size());
    out_.rules.push_back(planned.row);
    for (const auto& anchor : planned.anchors)
      for (const auto slot : anchor.list->slots) {
        auto& cands = slots_[slot].cands;
        if (cands.empty() || cands.back() != at) cands.push_back(at);
      }
  }

  // Absent when a bit is missing, or an anchor. With `weak`, a condition without room is left out instead (the row
  // then says "look closer" more often than needed).
  std::optional<Planned> plan(RuleRow row, Row conditions, Level level, bool weak) {
    auto anchor = anchor_of(conditions, level);
    if (!anchor && level != Level::image) return std::nullopt;
    if (!anchor) {
      conditions.push_back({list_of({{Field::flag, Shape::exact, std::string(to_string(KernelFlag::any))}})});
      anchor = anchor_of({conditions.back()}, level);
      if (!anchor) return std::nullopt;
      anchor = conditions.size() - 1;
    }
    Planned planned{row, {}};
    // Of a cgroup, one name of the path may meet one condition and the next another: the rule is tried at each.
    const bool each_anchors = level == Level::cgroup && anchors_in(conditions) > 1;
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      const auto& condition = conditions[i];
      if (i == *anchor || (each_anchors && !condition.negated && !condition.tail)) planned.anchors.push_back(condition);
      if (i == *anchor && !each_anchors) continue;
      const auto bit = bit_for(*condition.list);
      if (!bit && !weak) return std::nullopt;
      if (bit) (condition.negated ? planned.row.avoid : planned.row.need)[*bit / 64] |= 1ULL << (*bit % 64);
    }
    return planned;
  }

  void add_rule(const Rule& rule, std::uint32_t id) {
    if (rule.by_name) {
      out_.name_rules.push_back(row_of(rule, id));
      return;
    }
    auto& placement = out_.placement[id - 1];
    std::vector<Row> rows{{}};
    for (const auto& condition : rule.conditions) {
      if (const auto& why = obstacle_of(condition, rule.level); !why.empty()) {
        if (placement.in_kernel) placement.why = why;
        placement.in_kernel = false;
        continue;
      }
      std::vector<Row> combined;
      for (const auto& row : rows)
        for (const auto& way : ways(condition)) {
          combined.push_back(row);
          combined.back().insert(combined.back().end(), way.begin(), way.end());
        }
      if (combined.size() > kMaxRows) {
        placement = {false, false, "its patterns with a star in the middle combine to more than " +
                                       std::to_string(kMaxRows) + " ways to hold"};
        continue;
      }
      rows = std::move(combined);
    }
    if (placement.in_kernel && all_fit(rule, id, rows, placement)) return;
    leave_to_daemon(rule, id, rows, placement);
  }

  bool all_fit(const Rule& rule, std::uint32_t id, const std::vector<Row>& rows, Placement& placement) {
    std::vector<Planned> planned;
    for (const auto& row : rows) {
      auto one = plan(row_of(rule, id), row, rule.level, false);
      if (!one) {
        placement = {false, false, "no room is left for one of its conditions (" + std::to_string(kSignals) +
                                       " in all, " + std::to_string(kAtomBits) + " conditions and " +
                                       std::to_string(kMaxCands) + " rules for one name)"};
        return false;
      }
      planned.push_back(std::move(*one));
    }
    emit_all(planned, placement);
    return true;
  }

  void emit_all(const std::vector<Planned>& planned, Placement& placement) {
    for (const auto& one : planned) {
      placement.every_exec = placement.every_exec || one.anchors.front().list->selectivity == kUnselective;
      emit(one);
    }
  }

  void leave_to_daemon(const Rule& rule, std::uint32_t id, const std::vector<Row>& rows, Placement& placement) {
    placement.in_kernel = false;
    if (rule.level == Level::cgroup) {
      out_.user_cgroup_rules = true;
      placement.why += "; decided by the daemon for each new cgroup";
      return;
    }
    // What has to be opened is told when it is; an exec need not be looked at for it.
    if (std::any_of(rule.conditions.begin(), rule.conditions.end(), [](const Condition& condition) {
          return !condition.negated && std::all_of(condition.any.begin(), condition.any.end(),
                                                   [](const Pattern& pattern) { return pattern.field == Field::device; });
        })) {
      placement.why += "; decided by the daemon when the device is opened";
      return;
    }
    RuleRow row = row_of(rule, id);
    row.klass = kNoClass;
    row.kind = 0;
    row.mark = 0;
    row.profile = 0;
    row.flags = kRefine;
    std::vector<Planned> planned;
    for (const auto& conditions : rows)
      if (auto one = plan(row, conditions, rule.level, true)) planned.push_back(std::move(*one));
    emit_all(planned, placement);
    if (planned.size() < rows.size()) {
      placement.why += "; nothing is left to find it by, so it is never decided";
      return;
    }
    placement.why += placement.every_exec ? "; every exec is reported to the daemon for it"
                                          : "; decided by the daemon after the exec";
  }

  void finish() {
    std::sort(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) { return a.key < b.key; });
    for (auto& slot : slots_) {
      slot.atom.cand_first = static_cast<std::uint32_t>(out_.cands.size());
      slot.atom.cand_count = static_cast<std::uint16_t>(slot.cands.size());
      out_.cands.insert(out_.cands.end(), slot.cands.begin(), slot.cands.end());
      out_.atoms.emplace_back(slot.key, slot.atom);
    }
    for (auto& placement : out_.placement)
      if (placement.in_kernel && placement.every_exec && placement.why.empty())
        placement.why = "tried at every exec: nothing it asks for tells programs apart";
  }

  const RuleSet& rules_;
  CompiledRules out_;
  std::vector<Slot> slots_;
  std::unordered_map<AtomKey, std::uint32_t, Hash> by_key_;
  std::map<std::vector<std::uint32_t>, AtomList> lists_;  // by slots; a map's elements stay where they are
  std::map<std::pair<const void*, bool>, std::vector<Row>> ways_;
  std::map<std::pair<const void*, Level>, std::string> obstacles_;
};

}  // namespace

CompiledRules compile(const RuleSet& rules) { return Compiler(rules).run(); }

}  // namespace vigil::classify
