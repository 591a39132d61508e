// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/table_eval.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "core/classify/names.hpp"

namespace vigil::classify {

namespace {

constexpr std::size_t slot(Level level) { return static_cast<std::size_t>(level); }

void merge(Signals& into, const Signals& from) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] |= from[i];
}

class Evaluation {
 public:
  Evaluation(const Facts& facts, const CompiledRules& tables) : facts_(facts), tables_(tables) {}

  TableVerdict run() && {
    walk_cgroups();
    judge_image();
    judge_thread();
    finish();
    return std::move(out_);
  }

  bool names_thread() && {
    collect(Field::comm, std::string_view(facts_.comm).substr(0, kMaxComm), thread_);
    return std::any_of(thread_.cands.begin(), thread_.cands.end(),
                       [this](std::uint32_t at) { return tables_.rules[at].level == slot(Level::thread); });
  }

 private:
  struct Seen {
    Signals signals{};
    std::vector<std::uint32_t> cands;
    std::vector<std::uint32_t> atoms;
    std::uint32_t appid = 0;
  };

  void look_up(const AtomKey& key, std::string_view behind, Seen& seen) {
    ++out_.lookups;
    const auto slot = hash_slot(key.hash);
    if (!(tables_.index.hashes[slot / 64] >> (slot % 64) & 1)) return;
    const auto& atoms = tables_.atoms;
    const auto it = std::lower_bound(atoms.begin(), atoms.end(), key,
                                     [](const auto& entry, const AtomKey& wanted) { return entry.first < wanted; });
    if (it == atoms.end() || it->first != key) return;
    const Atom& atom = it->second;
    for (std::size_t i = 0; i < atom.nr_bits; ++i) seen.signals[atom.bits[i] / 64] |= 1ULL << (atom.bits[i] % 64);
    seen.cands.insert(seen.cands.end(), tables_.cands.begin() + atom.cand_first,
                      tables_.cands.begin() + atom.cand_first + atom.cand_count);
    seen.atoms.push_back(atom.id);
    if (!atom.capture) return;
    if (const auto number = leading_number(behind); number && !seen.appid) seen.appid = *number;
  }

  // `behind_exact`: what a capture on the whole value reads its number from.
  void collect(Field field, std::string_view value, Seen& seen, std::string_view behind_exact = {}) {
    if (value.empty()) return;
    const auto at = static_cast<std::size_t>(field);
    const auto front = value.substr(0, kComparedBytes);
    const auto& index = tables_.index;
    if (index.exact_fields >> at & 1) look_up(atom_key(field, Shape::exact, front), behind_exact, seen);
    for (std::size_t n = 1; n <= front.size(); ++n)
      if (index.prefix_lens[at] >> n & 1)
        look_up(atom_key(field, Shape::prefix, front.substr(0, n)), value.substr(n), seen);
    for (std::size_t n = 1; n <= front.size(); ++n)
      if (index.suffix_lens[at] >> n & 1)
        look_up(atom_key(field, Shape::suffix, value.substr(value.size() - n)), {}, seen);
  }

  void collect_flags(Seen& seen) {
    for (const auto flag : {KernelFlag::kthread, KernelFlag::kworker, KernelFlag::pidns, KernelFlag::nice,
                            KernelFlag::realtime, KernelFlag::any, KernelFlag::script, KernelFlag::storm})
      if (has_flag(facts_, flag))
        look_up(atom_key(Field::flag, Shape::exact, to_string(flag)), {}, seen);
  }

  template <typename Filter>
  static bool has(const Filter& filter, std::string_view four) {
    const auto slot = filter_slot(four);
    return filter[slot / 64] >> (slot % 64) & 1;
  }

  void collect_env(std::string_view variable, Seen& seen) {
    if (variable.size() < 4 || !has(tables_.index.env_head, variable)) return;
    if (const auto equals = variable.find('='); equals != std::string_view::npos)
      collect(Field::env, variable.substr(0, equals), seen, variable.substr(equals + 1));
    collect(Field::env_value, variable, seen);
  }

  void collect_arg(std::string_view arg, Seen& seen) {
    if (arg.size() < 4) return;
    if (has(tables_.index.arg_head, arg) || has(tables_.index.arg_tail, arg.substr(arg.size() - 4)))
      collect(Field::arg, arg, seen);
  }

  bool holds(const RuleRow& row, const Signals& signals) const {
    for (std::size_t i = 0; i < kSignalWords; ++i)
      if ((signals[i] & row.need[i]) != row.need[i] || (signals[i] & row.avoid[i])) return false;
    if ((facts_.marks & row.need_marks) != row.need_marks || (facts_.marks & row.avoid_marks)) return false;
    return !row.previous || (row.previous >> static_cast<unsigned>(facts_.previous.klass) & 1);
  }

  struct Best {
    const RuleRow* winner = nullptr;
    const RuleRow* boundary = nullptr;
    std::uint32_t marks = 0;
    bool refine = false;
    const RuleRow* chooses = nullptr;  // a profile
  };

  Best judge(const Seen& seen, const Signals& signals, Level level) {
    Best best;
    for (const auto at : seen.cands) {
      const RuleRow& row = tables_.rules[at];
      ++out_.tried;
      if (row.level != slot(level) || !holds(row, signals)) continue;
      best.marks |= row.mark;
      best.refine = best.refine || (row.flags & kRefine);
      if (row.profile && (!best.chooses || row.priority > best.chooses->priority)) best.chooses = &row;
      if ((row.flags & kBoundary) && (!best.boundary || row.priority > best.boundary->priority)) best.boundary = &row;
      if (row.klass != kNoClass && (!best.winner || row.priority > best.winner->priority)) best.winner = &row;
    }
    return best;
  }

  static Decision decision(const RuleRow& row) {
    return {row.id, static_cast<WorkloadClass>(row.klass), row.kind, row.flags};
  }

  const RuleRow* by_name() {
    if (!tables_.names) return nullptr;
    ++out_.lookups;
    const auto id = tables_.names->find(facts_);
    const auto it = std::find_if(tables_.name_rules.begin(), tables_.name_rules.end(), [&](const RuleRow& row) { return row.id == id; });
    return it == tables_.name_rules.end() ? nullptr : &*it;
  }

  // As each group was made: it takes its parent's signals and decision, unless a rule speaks about itself.
  void walk_cgroups() {
    for (const auto name : path_components(facts_.cgroup)) {
      Seen own;
      collect(Field::cgroup, name, own);
      if (own.appid) cgroup_appid_ = own.appid;
      merge(cgroup_signals_, own.signals);
      const auto best = judge(own, cgroup_signals_, Level::cgroup);
      if (!best.winner) continue;
      out_.verdict.levels[slot(Level::cgroup)] = decision(*best.winner);
      cgroup_atoms_ = own.atoms;
    }
  }

  void judge_image() {
    collect_flags(image_);
    collect(Field::exe, base_name(facts_.exe), image_);
    collect(Field::script, base_name(facts_.script), image_);
    for (const auto dir : nearest_dirs(facts_.exe)) collect(Field::dir, dir, image_);
    if (!facts_.argv.empty()) collect(Field::arg0, arg0_name(facts_.argv.front()), image_);
    for (std::size_t i = 0; i < facts_.argv.size() && i < kMaxArgs; ++i) collect_arg(facts_.argv[i], image_);
    for (const auto& variable : facts_.env) collect_env(variable, image_);
    out_.verdict.appid = image_.appid ? image_.appid : cgroup_appid_;

    signals_ = image_.signals;
    merge(signals_, cgroup_signals_);
    const auto best = judge(image_, signals_, Level::image);
    auto& verdict = out_.verdict;
    verdict.refine = best.refine;
    if (best.chooses) profile_ = best.chooses->profile;
    const auto* winner = best.winner ? best.winner : by_name();
    if (winner) verdict.levels[slot(Level::image)] = decision(*winner);
    if (best.boundary && (!best.winner || best.boundary->priority >= best.winner->priority))
      verdict.boundary = best.boundary->id;
    if (!verdict.boundary && facts_.previous.rule && (facts_.previous.flags & kInherit))
      verdict.levels[slot(Level::ancestry)] = facts_.previous;
    verdict.marks = (verdict.boundary ? 0 : facts_.marks) | best.marks;
  }

  void judge_thread() {
    collect(Field::comm, std::string_view(facts_.comm).substr(0, kMaxComm), thread_);
    Signals signals = signals_;
    merge(signals, thread_.signals);
    const auto best = judge(thread_, signals, Level::thread);
    out_.verdict.refine = out_.verdict.refine || best.refine;
    if (best.winner) out_.verdict.levels[slot(Level::thread)] = decision(*best.winner);
  }

  void finish() {
    out_.verdict.profile = matched_profile(out_.verdict, profile_, tables_.profile_keys);
    const auto level = out_.verdict.level();
    if (level == Level::image) out_.evidence = image_.atoms;
    if (level == Level::cgroup) out_.evidence = cgroup_atoms_;
    if (level != Level::thread) return;
    out_.evidence = thread_.atoms;
    out_.evidence.insert(out_.evidence.end(), image_.atoms.begin(), image_.atoms.end());
  }

  const Facts& facts_;
  const CompiledRules& tables_;
  TableVerdict out_;
  Seen image_, thread_;
  Signals cgroup_signals_{}, signals_{};
  std::vector<std::uint32_t> cgroup_atoms_;
  std::uint32_t cgroup_appid_ = 0;
  std::uint16_t profile_ = 0;
};

}  // namespace

TableVerdict evaluate(const Facts& facts, const CompiledRules& tables) { return Evaluation(facts, tables).run(); }

bool names_thread(std::string_view comm, const CompiledRules& tables) {
  Facts facts;
  facts.comm = comm;
  return Evaluation(facts, tables).names_thread();
}

}  // namespace vigil::classify
