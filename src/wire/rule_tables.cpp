// SPDX-License-Identifier: GPL-2.0-only
#include "wire/rule_tables.hpp"

#include <algorithm>

#include "core/classify/names.hpp"

namespace vigil::wire {

static_assert(classify::kSignals == VIGIL_SIGNALS);
static_assert(classify::kAtomBits == VIGIL_ATOM_BITS);
static_assert(classify::kHashBits == VIGIL_HASH_BITS && classify::kFilterBits == VIGIL_FILTER_BITS);
static_assert(classify::kNoClass == VIGIL_CLASS_COUNT);
static_assert(static_cast<int>(classify::Field::exe) == VIGIL_FIELD_EXE);
static_assert(static_cast<int>(classify::Field::script) == VIGIL_FIELD_SCRIPT);
static_assert(static_cast<int>(classify::Field::arg0) == VIGIL_FIELD_ARG0);
static_assert(static_cast<int>(classify::Field::arg) == VIGIL_FIELD_ARG);
static_assert(static_cast<int>(classify::Field::env) == VIGIL_FIELD_ENV);
static_assert(static_cast<int>(classify::Field::env_value) == VIGIL_FIELD_ENV_VALUE);
static_assert(static_cast<int>(classify::Field::dir) == VIGIL_FIELD_DIR);
static_assert(static_cast<int>(classify::Field::comm) == VIGIL_FIELD_COMM);
static_assert(static_cast<int>(classify::Field::cgroup) == VIGIL_FIELD_CGROUP);
static_assert(static_cast<int>(classify::Field::flag) == VIGIL_FIELD_FLAG);
static_assert(static_cast<int>(classify::Shape::exact) == VIGIL_OP_EXACT);
static_assert(static_cast<int>(classify::Shape::prefix) == VIGIL_OP_PREFIX);
static_assert(static_cast<int>(classify::Shape::suffix) == VIGIL_OP_SUFFIX);
static_assert(static_cast<int>(classify::kVcpu) == VIGIL_F_VCPU);
static_assert(static_cast<int>(classify::ProfileKey::Kind::appid) == VIGIL_PROFILE_BY_APPID);
static_assert(static_cast<int>(classify::ProfileKey::Kind::rule) == VIGIL_PROFILE_BY_RULE);
static_assert(static_cast<int>(classify::kMemory) == VIGIL_F_MEMORY);

RuleTables encode(const classify::CompiledRules& compiled) {
  RuleTables out;
  out.atoms.reserve(compiled.atoms.size());
  for (const auto& [key, atom] : compiled.atoms) {
    vigil_atom_key k{};
    k.hash = key.hash;
    k.len = key.len;
    k.field = key.field;
    k.op = key.op;
    vigil_atom a{};
    a.id = atom.id;
    a.cand_first = atom.cand_first;
    a.cand_count = atom.cand_count;
    a.capture = atom.capture;
    a.nr_bits = atom.nr_bits;
    std::copy(atom.bits.begin(), atom.bits.end(), a.bits);
    out.atoms.emplace_back(k, a);
  }
  out.cands = {compiled.cands.begin(), compiled.cands.end()};
  out.rules.reserve(compiled.rules.size());
  for (const auto& row : compiled.rules) {
    vigil_rule r{};
    std::copy(row.need.begin(), row.need.end(), r.need);
    std::copy(row.avoid.begin(), row.avoid.end(), r.avoid);
    r.id = row.id;
    r.mark = row.mark;
    r.need_marks = row.need_marks;
    r.avoid_marks = row.avoid_marks;
    r.previous = row.previous;
    r.priority = row.priority;
    r.level = row.level;
    r.klass = row.klass;
    r.kind = row.kind;
    r.flags = row.flags;
    r.profile = row.profile;
    out.rules.push_back(r);
  }
  for (const auto& key : compiled.profile_keys) {
    vigil_profile_key k{};
    k.kind = static_cast<__u32>(key.kind);
    k.value = key.value;
    out.profile_keys.emplace_back(k, key.profile);
  }
  if (compiled.names) {
    out.names.reserve(compiled.names->size());
    for (const auto& entry : compiled.names->entries()) {
      const auto row = std::find_if(compiled.name_rules.begin(), compiled.name_rules.end(), [&](const auto& one) { return one.id == entry.rule; });
      if (row == compiled.name_rules.end()) continue;
      vigil_name_key k{};
      k.hash = entry.hash;
      k.len = entry.len;
      k.windows = entry.windows;
      out.names.emplace_back(k, vigil_decision{row->id, row->klass, row->kind, row->flags, VIGIL_SOURCE_KERNEL});
    }
    out.index.names = !out.names.empty();
  }
  const auto& index = compiled.index;
  std::copy(index.prefix_lens.begin(), index.prefix_lens.end(), out.index.prefix_lens);
  std::copy(index.suffix_lens.begin(), index.suffix_lens.end(), out.index.suffix_lens);
  out.index.exact_fields = index.exact_fields;
  std::copy(index.env_head.begin(), index.env_head.end(), out.index.env_head);
  std::copy(index.arg_head.begin(), index.arg_head.end(), out.index.arg_head);
  std::copy(index.arg_tail.begin(), index.arg_tail.end(), out.index.arg_tail);
  std::copy(index.hashes.begin(), index.hashes.end(), out.index.hashes);
  return out;
}

}  // namespace vigil::wire
