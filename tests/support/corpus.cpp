// SPDX-License-Identifier: GPL-2.0-only
#include "support/corpus.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <toml++/toml.h>

#include "base/text.hpp"

namespace vigil::testing {

namespace {

std::vector<std::string> strings(const toml::table& table, std::string_view key) {
  std::vector<std::string> out;
  if (const auto* array = table[key].as_array())
    for (const auto& element : *array) out.push_back(element.value<std::string>().value());
  return out;
}

Described describe(const toml::table& table, const std::string& where) {
  static const std::vector<std::string> known = {"exe",    "script", "cmd",  "argv", "env",  "comm",  "cgroup", "kernel",
                                                 "before", "marks",  "want", "kind", "rule", "guest", "appid"};
  for (const auto& [key, value] : table)
    if (std::find(known.begin(), known.end(), key.str()) == known.end())
      throw std::runtime_error(where + ": unknown key " + std::string(key.str()));
  const auto text = [&](std::string_view key) { return table[key].value<std::string>().value_or(""); };
  Described one;
  one.where = where;
  auto& facts = one.facts;
  facts.exe = text("exe");
  facts.script = text("script");
  facts.argv = strings(table, "argv");
  if (const auto cmd = text("cmd"); !cmd.empty())
    for (const auto word : split(cmd, ' ')) facts.argv.emplace_back(word);
  facts.env = strings(table, "env");
  facts.comm = text("comm").empty() ? std::string(base_name(facts.exe)) : text("comm");
  facts.cgroup = text("cgroup");
  for (const auto& flag : strings(table, "kernel")) facts.flags |= flag_bit(classify::parse_kernel_flag(flag).value());
  one.marks = strings(table, "marks");
  if (table.contains("before")) one.before = text("before");
  one.want = text("want");
  one.kind = text("kind");
  one.rule = text("rule");
  one.guest = text("guest");
  one.appid = table["appid"].value<std::int64_t>().value_or(-1);
  if (one.want != "regular" && !parse_workload_class(one.want)) throw std::runtime_error(where + ": no such class: " + one.want);
  return one;
}

}  // namespace

std::vector<Described> read_corpus(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Described> out;
  for (const auto& path : files) {
    const auto file = toml::parse_file(path.string());
    for (const auto& element : *file["process"].as_array()) {
      out.push_back(describe(*element.as_table(),
                             path.filename().string() + ":" + std::to_string(element.source().begin.line)));
      out.back().family = path.stem().string();
    }
  }
  return out;
}

void place(Described& one, const classify::RuleSet& rules) {
  for (const auto& mark : one.marks) {
    const auto it = std::find(rules.marks.begin(), rules.marks.end(), mark);
    if (it == rules.marks.end()) throw std::runtime_error(one.where + ": no rule sets the mark " + mark);
    one.facts.marks |= 1U << (it - rules.marks.begin());
  }
  if (one.before) one.facts.previous = {1, parse_workload_class(*one.before).value(), 0, classify::kInherit};
}

}  // namespace vigil::testing
