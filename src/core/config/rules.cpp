// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/rules.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/text.hpp"
#include "core/classify/facts.hpp"
#include "core/config/class_words.hpp"
#include "core/config/toml_reader.hpp"

namespace vigil::config {

namespace {

using classify::Capture;
using classify::Condition;
using classify::Field;
using classify::Level;
using classify::Pattern;
using classify::Patterns;
using classify::Rule;
using classify::RuleSet;
using classify::Shape;

constexpr std::size_t kMaxMarks = 32;
constexpr std::size_t kMaxKinds = 255;
constexpr int kMaxListDepth = 4;
constexpr std::size_t kMaxPatterns = 65536;  // of one condition

struct Key {
  std::string_view name;
  std::vector<Field> fields;
};

const std::vector<Key>& condition_keys() {
  static const std::vector<Key> keys = {
      {"exe", {Field::exe}},           {"script", {Field::script}},
      {"program", {Field::exe, Field::script}},
      {"argv0", {Field::arg0}},        {"arg", {Field::arg}},
      {"env", {Field::env}},           {"dir", {Field::dir}},
      {"thread", {Field::comm}},       {"cgroup", {Field::cgroup}},
      {"kernel", {Field::flag}},       {"exe_path", {Field::exe_path}},
      {"cgroup_path", {Field::cgroup_path}}, {"uid", {Field::uid}},
      {"device", {Field::device}},     {"appid", {Field::env_value}},
  };
  return keys;
}

const Key* find_key(std::string_view name) {
  for (const auto& key : condition_keys())
    if (key.name == name) return &key;
  return nullptr;
}

std::vector<std::string> names(const std::vector<std::string>& others, bool negated) {
  std::vector<std::string> out = others;
  for (const auto& key : condition_keys()) {
    out.emplace_back(key.name);
    if (negated) out.push_back("not_" + std::string(key.name));
  }
  return out;
}

const std::vector<std::string>& rule_keys() {
  static const auto keys = names({"name", "class", "kind", "priority", "inherit", "boundary", "refine", "memory", "vcpu", "mark",
                                  "under", "not_under", "previous", "appid_from", "also", "any", "enabled", "note"},
                                 true);
  return keys;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
                              std::string_view::npos;
}

using Lists = std::map<std::string, std::vector<std::string>, std::less<>>;

class RulesParser {
 public:
  Parsed<RuleSet> run(const std::vector<SourceFile>& files) {
    std::vector<std::pair<const SourceFile*, toml::table>> tables;
    for (const auto* file : in_force(files)) {
      auto table = parse_toml(*file);
      if (table)
        tables.emplace_back(file, std::move(*table));
      else
        mistakes_.push_back(std::move(table.error()));
    }
    for (const auto& [file, table] : tables) read_lists(*file, table);
    for (const auto& [file, table] : tables) read_file(*file, table);
    check_marks();
    for (const auto& [file, table] : tables) disable(*file, table);
    if (set_.rules.size() > classify::kMaxRules)
      mistakes_.push_back({"", 0, 0, std::to_string(set_.rules.size()) + " rules are more than the " +
                                         std::to_string(classify::kMaxRules) + " that fit"});
    sort_by_place(mistakes_);
    if (!mistakes_.empty()) return tl::unexpected(std::move(mistakes_));
    set_.finish();
    return std::move(set_);
  }

 private:
  void read_lists(const SourceFile& file, const toml::table& table) {
    TomlReader reader(file, mistakes_);
    const auto* node = table.get("lists");
    if (!node) return;
    const auto* lists = node->as_table();
    if (!lists) return reader.wrong_type(*node, "lists", "a table of lists: [lists]");
    for (const auto& [key, value] : *lists) {
      std::vector<std::string> members;
      for (auto& [text, at] : reader.texts(value, key.str())) members.push_back(std::move(text));
      lists_[std::string(key.str())] = std::move(members);
    }
  }

  void read_file(const SourceFile& file, const toml::table& table) {
    TomlReader reader(file, mistakes_);
    for (const auto& [key, node] : table) {
      if (key == "lists" || key == "disable") continue;
      if (key != "rule") {
        reader.unknown_key(key, {"rule", "lists", "disable"}, "; a rule starts with [[rule]]");
        continue;
      }
      const auto* rules = node.as_array();
      if (!rules) {
        reader.wrong_type(node, "rule", "written with two brackets: [[rule]]");
        continue;
      }
      for (const auto& element : *rules) {
        if (const auto* rule = element.as_table())
          read_rule(file, *rule, reader);
        else
          reader.wrong_type(element, "rule", "a table");
      }
    }
  }

  void disable(const SourceFile& file, const toml::table& table) {
    TomlReader reader(file, mistakes_);
    const auto* node = table.get("disable");
    if (!node) return;
    for (const auto& [name, at] : reader.texts(*node, "disable")) {
      const auto gone = std::erase_if(set_.rules, [&](const Rule& rule) { return rule.name == name; });
      if (gone || disabled_.contains(name)) {
        disabled_.insert(name);
        continue;
      }
      std::vector<std::string> known;
      for (const auto& rule : set_.rules) known.push_back(rule.name);
      reader.mistake(at, "there is no rule '" + printable(name) + "' to disable" + TomlReader::suggestion(name, known));
    }
  }

  // --- one rule --------------------------------------------------------------------------------------------

  void read_rule(const SourceFile& file, const toml::table& table, TomlReader& reader) {
    Rule rule;
    rule.file = file.path;
    rule.line = table.source().begin.line;
    rule.layer = file.layer;
    bool enabled = true;
    const auto before = mistakes_.size();
    for (const auto& [key, node] : table) {
      if (read_meta(key.str(), node, rule, enabled, reader)) continue;
      if (!read_condition(key.str(), node, rule.conditions, reader, true)) reader.unknown_key(key, rule_keys());
    }
    // Behind the others, so that evidence is told in the order in which a rule is read.
    if (const auto* also = table.get("also")) read_also(*also, rule, reader);
    if (const auto* any = table.get("any")) read_any(*any, rule, reader);
    read_name(table, file, rule, reader);
    if (mistakes_.size() == before) check(table, rule, reader);
    if (enabled)
      set_.rules.push_back(std::move(rule));
    else
      disabled_.insert(rule.name);
  }

  void read_name(const toml::table& table, const SourceFile& file, Rule& rule, TomlReader& reader) {
    const auto* node = table.get("name");
    if (!node) return reader.mistake(table.source(), "a rule needs a name");
    const auto name = reader.text(*node, "name");
    if (!name) return;
    if (!is_name(*name))
      return reader.mistake(node->source(), "a rule's name is made of letters, digits, '.', '_' and '-'; this is '" +
                                                printable(*name) + "'");
    rule.name = stem(file.path) + ':' + *name;
    if (!seen_.insert(rule.name).second)
      reader.mistake(node->source(), "a second rule of the name '" + *name + "' in this file");
  }

  bool read_meta(std::string_view key, const toml::node& node, Rule& rule, bool& enabled, TomlReader& reader) {
    const auto flag = [&](std::uint8_t bit) {
      if (reader.boolean(node, key).value_or(false)) rule.flags |= bit;
      return true;
    };
    if (key == "name") return true;  // read_name()
    if (key == "note") {
      reader.text(node, key);
    } else if (key == "class") {
      if (const auto name = reader.text(node, key)) {
        rule.klass = parse_workload_class(*name);
        if (!rule.klass) unknown_class(*name, node.source(), reader);
      }
    } else if (key == "kind") {
      if (const auto name = reader.text(node, key)) rule.kind = kind_number(*name, node, reader);
    } else if (key == "priority") {
      rule.priority = static_cast<std::uint32_t>(reader.number(node, key, 0, 999).value_or(100));
    } else if (key == "inherit") {
      return flag(classify::kInherit);
    } else if (key == "boundary") {
      return flag(classify::kBoundary);
    } else if (key == "refine") {
      return flag(classify::kRefine);
    } else if (key == "memory") {
      return flag(classify::kMemory);
    } else if (key == "vcpu") {
      return flag(classify::kVcpu);
    } else if (key == "mark") {
      rule.mark = marks(node, key, reader);
      for (const auto& [name, at] : reader.texts(node, key)) set_marks_.push_back(name);
    } else if (key == "under") {
      rule.under = marks(node, key, reader);
      ask_for(node, key, reader);
    } else if (key == "not_under") {
      rule.not_under = marks(node, key, reader);
      ask_for(node, key, reader);
    } else if (key == "previous") {
      for (const auto& [name, at] : reader.texts(node, key)) {
        if (const auto klass = parse_workload_class(name))
          rule.previous |= 1U << static_cast<unsigned>(*klass);
        else
          unknown_class(name, at, reader);
      }
    } else if (key == "enabled") {
      enabled = reader.boolean(node, key).value_or(true);
    } else if (key == "appid_from") {
      read_captures(node, reader);
    } else {
      return key == "also" || key == "any";
    }
    return true;
  }

  void unknown_class(std::string_view name, const toml::source_region& at, TomlReader& reader) {
    reader.mistake(at, "unknown class '" + printable(name) + "'" + class_choices(name));
  }

  std::uint8_t kind_number(const std::string& name, const toml::node& node, TomlReader& reader) {
    if (!is_name(name)) {
      reader.mistake(node.source(), "a kind is one word");
      return 0;
    }
    const auto it = std::find(set_.kinds.begin(), set_.kinds.end(), name);
    if (it != set_.kinds.end()) return static_cast<std::uint8_t>(it - set_.kinds.begin());
    if (set_.kinds.size() > kMaxKinds) {
      reader.mistake(node.source(), "more than " + std::to_string(kMaxKinds) + " different kinds");
      return 0;
    }
    set_.kinds.push_back(name);
    return static_cast<std::uint8_t>(set_.kinds.size() - 1);
  }

  std::uint32_t marks(const toml::node& node, std::string_view key, TomlReader& reader) {
    std::uint32_t bits = 0;
    for (const auto& [name, at] : reader.texts(node, key)) {
      auto it = std::find(set_.marks.begin(), set_.marks.end(), name);
      if (it == set_.marks.end()) {
        if (!is_name(name) || set_.marks.size() >= kMaxMarks) {
          reader.mistake(at, is_name(name) ? "more than " + std::to_string(kMaxMarks) + " different marks"
                                           : std::string("a mark is one word"));
          continue;
        }
        it = set_.marks.insert(set_.marks.end(), name);
      }
      bits |= 1U << (it - set_.marks.begin());
    }
    return bits;
  }

  void ask_for(const toml::node& node, std::string_view key, TomlReader& reader) {
    for (const auto& [name, at] : reader.texts(node, key))
      asked_.emplace_back(name, Mistake{reader.path(), at.begin.line, at.begin.column, {}});
  }

  void check_marks() {
    for (auto& [name, mistake] : asked_) {
      if (std::find(set_marks_.begin(), set_marks_.end(), name) != set_marks_.end()) continue;
      mistake.message = "no rule sets the mark '" + printable(name) + "'" + TomlReader::suggestion(name, set_marks_);
      mistakes_.push_back(std::move(mistake));
    }
  }

  // --- conditions ------------------------------------------------------------------------------------------

  bool read_condition(std::string_view key, const toml::node& node, std::vector<Condition>& into, TomlReader& reader,
                      bool may_negate) {
    const bool negated = key.starts_with("not_");
    const auto* known = find_key(negated ? key.substr(4) : key);
    if (!known || (negated && !may_negate)) return false;
    // What 'any' joins is remembered in any case, for the whole is known by its parts.
    Condition condition{patterns(*known, key, node, reader, !may_negate), negated};
    if (!condition.any.empty()) into.push_back(std::move(condition));
    return true;
  }

  void read_also(const toml::node& node, Rule& rule, TomlReader& reader) {
    static const auto known = names({}, true);
    for_each_table(node, "also", reader, [&](const toml::table& table) {
      for (const auto& [key, value] : table)
        if (!read_condition(key.str(), value, rule.conditions, reader, true))
          reader.unknown_key(key, known, " in 'also'");
    });
  }

  void read_any(const toml::node& node, Rule& rule, TomlReader& reader) {
    static const auto known = names({}, false);
    for_each_table(node, "any", reader, [&](const toml::table& table) {
      std::vector<Condition> parts;
      for (const auto& [key, value] : table)
        if (!read_condition(key.str(), value, parts, reader, false)) reader.unknown_key(key, known, " in 'any'");
      Condition all;
      std::set<Level> levels;
      for (const auto& part : parts) {
        levels.insert(classify::level_of({part}));
      }
      all.any = joined(parts);
      if (levels.size() > 1)
        return reader.mistake(table.source(),
                              "'any' mixes thread, cgroup and program conditions; write a rule for each");
      if (!all.any.empty()) rule.conditions.push_back(std::move(all));
    });
  }

  template <typename Read>
  void for_each_table(const toml::node& node, std::string_view key, TomlReader& reader, Read read) {
    if (const auto* table = node.as_table()) return read(*table);
    const auto* array = node.as_array();
    if (!array) return reader.wrong_type(node, key, "a table of conditions, or a list of such tables");
    for (const auto& element : *array) {
      if (const auto* table = element.as_table())
        read(*table);
      else
        reader.wrong_type(element, key, "a table of conditions, or a list of such tables");
    }
  }

  // One OR of all parts. What many rules join is joined once.
  Patterns joined(const std::vector<Condition>& parts) {
    if (parts.size() == 1) return parts.front().any;
    std::vector<const void*> whole;
    for (const auto& part : parts) whole.push_back(part.any.identity());
    if (const auto known = joined_.find(whole); known != joined_.end()) return known->second.second;
    Patterns out;
    for (const auto& part : parts) out.append(part.any);
    // The parts are kept, so that no other list can come to lie where they are.
    joined_.emplace(std::move(whole), std::pair(parts, out));
    return out;
  }

  Patterns patterns(const Key& key, std::string_view written, const toml::node& node, TomlReader& reader, bool remember) {
    std::vector<Pattern> out;
    if (key.name == "uid" || key.name == "appid") {
      for (const auto number : numbers(node, written, reader)) {
        const auto text = std::to_string(number);
        if (key.name == "uid") {
          out.push_back({Field::uid, Shape::exact, text, {}});
          continue;
        }
        for (const auto* name : {"SteamAppId=", "SteamGameId=", "STEAM_COMPAT_APP_ID="})
          out.push_back({Field::env_value, Shape::exact, name + text, {}});
        out.push_back({Field::arg, Shape::exact, "AppId=" + text, {}});
      }
      return Patterns(std::move(out));
    }
    const auto texts = reader.texts(node, written);
    std::string whole;  // "" when no list is named: nothing that is worth remembering
    if (remember || std::any_of(texts.begin(), texts.end(), [](const auto& text) { return text.first.starts_with('@'); })) {
      whole = key.name;
      for (const auto& [text, at] : texts) whole += '\n' + text;
      if (const auto known = expanded_.find(whole); known != expanded_.end()) return known->second;
    }
    const auto before = mistakes_.size();
    for (const auto& [text, at] : texts) add_patterns(key, text, at, out, reader, 0);
    if (out.size() > kMaxPatterns)
      reader.mistake(node.source(), "'" + std::string(written) + "' comes to more than " + std::to_string(kMaxPatterns) + " patterns");
    Patterns result(std::move(out));
    if (!whole.empty() && mistakes_.size() == before) expanded_.emplace(std::move(whole), result);
    return result;
  }

  // A pattern, or the members of the list it names.
  void add_patterns(const Key& key, const std::string& text, const toml::source_region& at, std::vector<Pattern>& out,
                    TomlReader& reader, int depth) {
    if (!text.starts_with('@')) return add_pattern(key, text, at, out, reader);
    const auto list = lists_.find(std::string_view(text).substr(1));
    if (list == lists_.end()) {
      std::vector<std::string> known;
      for (const auto& [name, members] : lists_) known.push_back('@' + name);
      return reader.mistake(at, "there is no list '" + printable(text) + "'" + TomlReader::suggestion(text, known));
    }
    if (depth > kMaxListDepth) return reader.mistake(at, "the list '" + text + "' contains itself");
    for (const auto& member : list->second) {
      if (out.size() > kMaxPatterns) return;  // lists of lists of lists: said by the caller
      add_patterns(key, member, at, out, reader, depth + 1);
    }
  }

  std::vector<std::int64_t> numbers(const toml::node& node, std::string_view key, TomlReader& reader) {
    std::vector<std::int64_t> out;
    const auto add = [&](const toml::node& element) {
      if (const auto number = reader.number(element, key, 0, 0xffffffffLL)) out.push_back(*number);
    };
    if (const auto* array = node.as_array())
      for (const auto& element : *array) add(element);
    else
      add(node);
    return out;
  }

  void add_pattern(const Key& key, const std::string& text, const toml::source_region& at, std::vector<Pattern>& out,
                   TomlReader& reader) {
    if (const auto why = objection(key, text); !why.empty()) return reader.mistake(at, why);
    for (auto field : key.fields) {
      if (field == Field::env && text.find('=') != std::string::npos) {
        // NAME=* says no more than NAME.
        const auto equals = text.find('=');
        if (std::string_view(text).substr(equals + 1) == "*") {
          out.push_back(classify::make_pattern(Field::env, text.substr(0, equals)));
          continue;
        }
        field = Field::env_value;
      }
      out.push_back(classify::make_pattern(field, text));
    }
  }

  // What is wrong with a pattern; "" when nothing is.
  static std::string objection(const Key& key, const std::string& text) {
    const std::string name(key.name);
    const auto quoted = "'" + printable(text) + "'";
    if (text.empty()) return "an empty pattern matches nothing";
    if (text.find_first_not_of('*') == std::string::npos) return quoted + " matches everything, so leave '" + name + "' out";
    if (key.name == "kernel") {
      if (classify::parse_kernel_flag(text)) return {};
      return "unknown kernel flag " + quoted +
             TomlReader::suggestion(text, {"kthread", "kworker", "pidns", "nice", "realtime", "any", "script", "storm"}) +
             " (there are kthread, kworker, pidns, nice, realtime, script, storm, any)";
    }
    if (key.name == "device") {
      if (classify::parse_device_kind(text)) return {};
      return "unknown kind of device " + quoted + TomlReader::suggestion(text, {"nvidia", "drm-render", "kfd", "kvm", "vfio"}) +
             " (there are nvidia, drm-render, kfd, kvm, vfio)";
    }
    const bool slash = text.find('/') != std::string::npos;
    if (slash && (key.name == "exe" || key.name == "script" || key.name == "program" || key.name == "dir"))
      return "'" + name + "' is one name without '/'; for a path there is 'exe_path'";
    if (slash && key.name == "cgroup") return "'cgroup' is one component of the path; for all of it there is 'cgroup_path'";
    if (key.name == "thread") {
      const auto pattern = classify::make_pattern(Field::comm, text);
      if (pattern.shape == Shape::glob) return quoted + ": a thread name can have one '*' and no '?'";
      if (pattern.text.size() + pattern.tail.size() > classify::kMaxComm)
        return quoted + " is longer than a thread name can be (15 bytes), so it would never match; cut it and end it with '*'";
    }
    if ((key.name == "exe_path" || key.name == "cgroup_path") && text.front() != '/' && text.front() != '*')
      return quoted + " must start with '/' or '*': it is held against the whole path";
    return {};
  }

  void read_captures(const toml::node& node, TomlReader& reader) {
    const auto* table = node.as_table();
    if (!table) return reader.wrong_type(node, "appid_from", "a table: { env = [...], arg = [...], cgroup = [...] }");
    for (const auto& [key, value] : *table) {
      const bool env = key == "env";
      if (!env && key != "arg" && key != "cgroup") {
        reader.unknown_key(key, {"env", "arg", "cgroup"}, " in 'appid_from'");
        continue;
      }
      for (const auto& [text, at] : reader.texts(value, key.str())) {
        const auto field = env ? Field::env : key == "arg" ? Field::arg : Field::cgroup;
        const auto pattern = classify::make_pattern(field, text.empty() ? "?" : text);
        if (pattern.shape != (env ? Shape::exact : Shape::prefix) || (env && text.size() < 4)) {
          reader.mistake(at, env ? "the AppID is taken from a variable by its whole name, of four letters or more"
                                 : "the AppID is the number behind a beginning: \"AppId=*\"");
          continue;
        }
        const auto same = [&](const Capture& capture) { return capture.pattern == pattern; };
        if (std::none_of(set_.captures.begin(), set_.captures.end(), same)) set_.captures.push_back({pattern});
      }
    }
  }

  // --- the rule as a whole ---------------------------------------------------------------------------------

  void check(const toml::table& table, const Rule& rule, TomlReader& reader) {
    const auto wrong = [&](std::string message) { reader.mistake(table.source(), "rule '" + rule.name + "': " + message); };
    const auto level = classify::level_of(rule.conditions);
    const bool positive = std::any_of(rule.conditions.begin(), rule.conditions.end(),
                                      [](const Condition& condition) { return !condition.negated; });
    if (!positive && !rule.conditions.empty())
      wrong("it only says what must not be; add what must (kernel = \"any\" for every program)");
    if (rule.conditions.empty()) wrong("it has no conditions (kernel = \"any\" for every program)");
    if (!rule.klass && !rule.mark && !(rule.flags & (classify::kBoundary | classify::kRefine)))
      wrong("it does nothing: give it a class, a mark, boundary or refine");
    if (!rule.klass && (rule.kind || (rule.flags & ~(classify::kBoundary | classify::kRefine))))
      wrong("kind, inherit, memory and vcpu need a class");
    if (level == Level::thread) {
      const bool named = std::any_of(rule.conditions.begin(), rule.conditions.end(), [](const Condition& condition) {
        return !condition.negated && condition.any.only_threads();
      });
      if (!named) wrong("'not_thread' needs a 'thread' beside it");
    }
    const bool daemon_decides = std::any_of(rule.conditions.begin(), rule.conditions.end(), [](const Condition& condition) {
      return condition.any.needs_daemon();
    });
    if (daemon_decides && (rule.mark || rule.under || rule.not_under || rule.previous || (rule.flags & classify::kBoundary)))
      wrong("only the daemon can hold its patterns against a process, and it comes too late for marks, boundaries and 'previous'");
    if (level == Level::image) return;
    const std::string only = level == Level::thread ? "a rule about thread names" : "a rule that only looks at the cgroup";
    if (rule.mark) wrong(only + " cannot set a mark");
    if (rule.flags & classify::kBoundary) wrong(only + " cannot be a boundary");
    if (rule.flags & classify::kInherit) wrong(only + " cannot be inherited: it holds for what is in it, as long as it is in it");
    if (rule.previous) wrong(only + " cannot ask for the class before");
    if (level == Level::cgroup && (rule.under || rule.not_under)) wrong(only + " cannot ask for marks");
    if (level == Level::cgroup && !rule.klass) wrong(only + " needs a class");
  }

  RuleSet set_;
  Mistakes mistakes_;
  Lists lists_;
  std::unordered_set<std::string> seen_;
  std::vector<std::string> set_marks_;
  std::vector<std::pair<std::string, Mistake>> asked_;
  std::set<std::string, std::less<>> disabled_;
  std::unordered_map<std::string, Patterns> expanded_;  // by condition and what is written
  std::map<std::vector<const void*>, std::pair<std::vector<Condition>, Patterns>> joined_;
};

}  // namespace

Parsed<RuleSet> parse_rules(const std::vector<SourceFile>& files) { return RulesParser().run(files); }

}  // namespace vigil::config
