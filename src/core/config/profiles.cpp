// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/profiles.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "core/config/class_words.hpp"
#include "core/config/toml_reader.hpp"

namespace vigil::config {

namespace {

using classify::Condition;
using classify::Field;
using classify::Shape;
using policy::Profile;
using policy::ProfileMatch;

constexpr std::size_t kMaxProfiles = 1000;
constexpr std::size_t kMaxName = 64;

const std::vector<std::string> kProfileKeys = {"name", "title", "note", "match", "class", "slice_us", "cpus", "strict",
                                               "smt", "boost", "mode", "enabled"};
const std::vector<std::string> kMatchKeys = {"appid", "rule", "exe", "argv", "env", "dir", "not_exe", "not_argv", "not_env", "not_dir"};
const std::vector<std::string> kSmt = {"whole-core", "share"};
const std::vector<std::string> kModes = {"gaming", "powersave", "lowlatency", "server"};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string_view::npos;
}

class ProfilesParser {
 public:
  explicit ProfilesParser(const classify::RuleSet* rules) : rules_(rules) {}

  Parsed<std::vector<Profile>> run(const std::vector<SourceFile>& files) {
    std::vector<std::pair<const SourceFile*, toml::table>> tables;
    for (const auto* file : in_force(files)) {
      auto table = parse_toml(*file);
      if (table)
        tables.emplace_back(file, std::move(*table));
      else
        mistakes_.push_back(std::move(table.error()));
    }
    for (const auto& [file, table] : tables) read_file(*file, table);
    for (const auto& [file, table] : tables) disable(*file, table);
    check_twice();
    if (profiles_.size() > kMaxProfiles)
      mistakes_.push_back({"", 0, 0, std::to_string(profiles_.size()) + " profiles are more than the " +
                                         std::to_string(kMaxProfiles) + " that fit"});
    sort_by_place(mistakes_);
    if (!mistakes_.empty()) return tl::unexpected(std::move(mistakes_));
    return std::move(profiles_);
  }

 private:
  void read_file(const SourceFile& file, const toml::table& table) {
    TomlReader reader(file, mistakes_);
    for (const auto& [key, node] : table) {
      if (key == "disable") continue;
      const auto* list = node.as_array();
      if (key != "profile") {
        reader.unknown_key(key, {"profile", "disable"}, "; a profile starts with [[profile]]");
      } else if (!list) {
        reader.wrong_type(node, "profile", "written with two brackets: [[profile]]");
      } else {
        for (const auto& element : *list) {
          if (const auto* one = element.as_table())
            read_profile(file, *one, reader);
          else
            reader.wrong_type(element, "profile", "a table");
        }
      }
    }
  }

  void disable(const SourceFile& file, const toml::table& table) {
    TomlReader reader(file, mistakes_);
    const auto* node = table.get("disable");
    if (!node) return;
    for (const auto& [name, at] : reader.texts(*node, "disable")) {
      const auto gone = std::erase_if(profiles_, [&](const Profile& profile) { return profile.name == name; });
      if (gone || std::find(disabled_.begin(), disabled_.end(), name) != disabled_.end()) {
        disabled_.push_back(name);
        continue;
      }
      std::vector<std::string> known;
      for (const auto& profile : profiles_) known.push_back(profile.name);
      reader.mistake(at, "there is no profile '" + printable(name) + "' to disable" + TomlReader::suggestion(name, known));
    }
  }

  // --- one profile -------------------------------------------------------------------------------------------

  void read_profile(const SourceFile& file, const toml::table& table, TomlReader& reader) {
    Profile profile;
    profile.file = file.path;
    profile.line = table.source().begin.line;
    profile.layer = file.layer;
    bool enabled = true;
    const auto before = mistakes_.size();
    for (const auto& [key, node] : table) read_key(key, node, profile, enabled, reader);
    if (!table.get("name")) reader.mistake(table.source(), "a profile needs a name");
    if (mistakes_.size() == before) check(table, profile, reader);
    if (!enabled) {
      disabled_.push_back(profile.name);
      return;
    }
    add(std::move(profile), table, reader);
  }

  void add(Profile&& profile, const toml::table& table, TomlReader& reader) {
    const auto same = std::find_if(profiles_.begin(), profiles_.end(),
                                   [&](const Profile& other) { return other.name == profile.name; });
    if (same == profiles_.end() || profile.name.empty()) {
      profiles_.push_back(std::move(profile));
    } else if (same->layer < profile.layer) {
      *same = std::move(profile);
    } else {
      reader.mistake(table.get("name")->source(),
                     "a second profile of the name '" + profile.name + "' (the first: " + same->file + ':' + std::to_string(same->line) + ')');
    }
  }

  void read_key(const toml::key& key, const toml::node& node, Profile& profile, bool& enabled, TomlReader& reader) {
    auto& settings = profile.settings;
    const auto name = key.str();
    if (name == "name") {
      const auto text = reader.text(node, name);
      if (text && !is_name(*text))
        reader.mistake(node.source(), "a profile's name is made of small letters, digits, '.', '_' and '-', at most " +
                                          std::to_string(kMaxName) + "; this is '" + printable(*text) + "'");
      profile.name = text.value_or("");
    } else if (name == "title") {
      profile.title = reader.text(node, name).value_or("");
    } else if (name == "note") {
      profile.note = reader.text(node, name).value_or("");
    } else if (name == "enabled") {
      enabled = reader.boolean(node, name).value_or(true);
    } else if (name == "match") {
      read_matches(node, profile, reader);
    } else if (name == "class") {
      if (const auto text = reader.text(node, name)) {
        settings.klass = parse_workload_class(*text);
        if (!settings.klass) reader.mistake(node.source(), "unknown class '" + printable(*text) + "'" + class_choices(*text));
      }
    } else if (name == "slice_us") {
      if (const auto number = reader.number(node, name, 100, 100000)) settings.slice_us = static_cast<std::uint32_t>(*number);
    } else if (name == "cpus") {
      if (const auto text = reader.text(node, name)) {
        settings.cpus = policy::parse_cpu_preference(*text);
        if (!settings.cpus) not_one_of(*text, policy::cpu_preference_names(), "cpus", node, reader);
      }
    } else if (name == "strict") {
      settings.strict = reader.boolean(node, name).value_or(false);
    } else if (name == "smt") {
      if (const auto text = reader.text(node, name)) {
        if (*text == kSmt[0]) settings.smt = policy::SmtPreference::whole_core;
        else if (*text == kSmt[1]) settings.smt = policy::SmtPreference::share;
        else not_one_of(*text, kSmt, "smt", node, reader);
      }
    } else if (name == "boost") {
      settings.boost = static_cast<int>(reader.number(node, name, 0, policy::kMaxBoost).value_or(0));
    } else if (name == "mode") {
      if (const auto text = reader.text(node, name)) {
        settings.mode = *text;
        if (std::find(kModes.begin(), kModes.end(), *text) == kModes.end()) not_one_of(*text, kModes, "mode", node, reader);
      }
    } else {
      reader.unknown_key(key, kProfileKeys, kMatchKeys.end() != std::find(kMatchKeys.begin(), kMatchKeys.end(), name)
                                                ? " of a profile: it belongs into match = { … }" : " of a profile");
    }
  }

  static void not_one_of(const std::string& word, const std::vector<std::string>& known, std::string_view key,
                         const toml::node& node, TomlReader& reader) {
    std::string all;
    for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
    reader.mistake(node.source(), "'" + std::string(key) + "' cannot be '" + printable(word) + "' (" + all + ")" +
                                      TomlReader::suggestion(word, known));
  }

  void check(const toml::table& table, const Profile& profile, TomlReader& reader) {
    const auto wrong = [&](std::string message) {
      reader.mistake(table.source(), "profile '" + profile.name + "': " + std::move(message));
    };
    const auto& settings = profile.settings;
    if (settings.strict && (!settings.cpus || settings.cpus == policy::CpuPreference::any))
      wrong("'strict' keeps it on some CPUs: say which with 'cpus'");
    if (settings == policy::ProfileSettings{})
      wrong("it changes nothing: give it a class, slice_us, cpus, smt, boost or mode");
  }

  // --- how it is found -----------------------------------------------------------------------------------------

  void read_matches(const toml::node& node, Profile& profile, TomlReader& reader) {
    constexpr std::string_view kWanted = "a table, { appid = 730 }, or a list of them";
    if (const auto* one = node.as_table()) return read_match(*one, profile, reader);
    const auto* list = node.as_array();
    if (!list) return reader.wrong_type(node, "match", kWanted);
    for (const auto& element : *list) {
      if (const auto* one = element.as_table())
        read_match(*one, profile, reader);
      else
        reader.wrong_type(element, "match", kWanted);
    }
  }

  void read_match(const toml::table& table, Profile& profile, TomlReader& reader) {
    const auto before = mistakes_.size();
    ProfileMatch match;
    std::vector<std::uint32_t> appids;
    for (const auto& [key, node] : table) {
      if (key == "appid")
        read_appids(node, appids, reader);
      else if (key == "rule")
        read_rule(node, match, reader);
      else
        read_condition(key, node, match, reader);
    }
    if (mistakes_.size() != before) return;
    const bool positive = std::any_of(match.conditions.begin(), match.conditions.end(),
                                      [](const Condition& condition) { return !condition.negated; });
    if (table.empty() || (!match.conditions.empty() && !positive))
      return reader.mistake(table.source(), "a match says what must be there: appid, rule, exe, argv, env or dir");
    const int kinds = !appids.empty() + !match.rule.empty() + !match.conditions.empty();
    if (kinds > 1)
      return reader.mistake(table.source(), "'appid' and 'rule' each stand alone in a match; for either-or write two: "
                                            "[{ appid = 730 }, { exe = \"cs2\" }]");
    for (const auto appid : appids) profile.match.push_back({appid, {}, {}});
    if (appids.empty()) profile.match.push_back(std::move(match));
  }

  void read_appids(const toml::node& node, std::vector<std::uint32_t>& appids, TomlReader& reader) {
    const auto one = [&](const toml::node& each) {
      if (const auto number = reader.number(each, "appid", 1, 0xffffffff)) appids.push_back(static_cast<std::uint32_t>(*number));
    };
    if (const auto* list = node.as_array()) {
      if (list->empty()) reader.wrong_type(node, "appid", "a number or a list of numbers");
      for (const auto& each : *list) one(each);
    } else {
      one(node);
    }
  }

  void read_rule(const toml::node& node, ProfileMatch& match, TomlReader& reader) {
    const auto name = reader.text(node, "rule");
    if (!name) return;
    match.rule = *name;
    if (!rules_) return;
    const auto* rule = rules_->find(*name);
    if (!rule) {
      std::vector<std::string> known;
      for (const auto& each : rules_->rules) known.push_back(each.name);
      reader.mistake(node.source(), "there is no rule '" + printable(*name) + "'" + TomlReader::suggestion(*name, known));
    } else if (!rule->klass) {
      reader.mistake(node.source(), "rule '" + *name + "' gives no class, so it never decides");
    } else if (rule->level == classify::Level::thread) {
      reader.mistake(node.source(), "rule '" + *name + "' is about threads; a profile is for whole processes");
    }
  }

  void read_condition(const toml::key& key, const toml::node& node, ProfileMatch& match, TomlReader& reader) {
    Condition condition;
    auto name = key.str();
    if (name.starts_with("not_")) {
      condition.negated = true;
      name.remove_prefix(4);
    }
    const auto fields = fields_of(name);
    if (fields.empty()) return reader.unknown_key(key, kMatchKeys, " in 'match'");
    for (const auto& [text, at] : reader.texts(node, key.str())) {
      if (auto wrong = problem(name, text); !wrong.empty()) {
        reader.mistake(at, std::move(wrong));
        continue;
      }
      for (const auto field : fields)
        condition.any.push_back(classify::make_pattern(field == Field::env && text.find('=') != std::string::npos ? Field::env_value : field, text));
    }
    if (!condition.any.empty()) match.conditions.push_back(std::move(condition));
  }

  // `exe` is what people call a program: the executable, the script, or the Windows program that Wine is given.
  static std::vector<Field> fields_of(std::string_view name) {
    if (name == "exe") return {Field::exe, Field::script, Field::arg0};
    if (name == "argv") return {Field::arg};
    if (name == "env") return {Field::env};
    if (name == "dir") return {Field::dir};
    return {};
  }

  static std::string problem(std::string_view key, const std::string& text) {
    const auto quoted = "'" + printable(text) + "'";
    if (text.empty()) return "an empty text matches nothing";
    if (text.find_first_not_of("*?") == std::string::npos) return quoted + " matches everything; say something of the program";
    if ((key == "exe" || key == "dir") && text.find('/') != std::string::npos)
      return "'" + std::string(key) + "' is one name without '/'; this is " + quoted;
    return {};
  }

  // --- all of them together --------------------------------------------------------------------------------------

  // Two profiles of one folder for the same AppID or rule: nobody could say which. A later folder's comes first.
  void check_twice() {
    std::map<std::string, const Profile*, std::less<>> first;
    for (auto& profile : profiles_)
      for (const auto& match : profile.match) {
        if (!match.conditions.empty()) continue;
        const auto [it, added] = first.try_emplace(policy::describe(match), &profile);
        if (added || it->second == &profile) continue;
        if (it->second->layer == profile.layer)
          mistakes_.push_back({profile.file, profile.line, 1, "profile '" + profile.name + "': " + it->first + " belongs to profile '" +
                                                                  it->second->name + "' already"});
        if (it->second->layer < profile.layer) it->second = &profile;
      }
    for (auto& profile : profiles_)
      std::erase_if(profile.match, [&](const ProfileMatch& match) {
        return match.conditions.empty() && first.at(policy::describe(match)) != &profile;
      });
  }

  const classify::RuleSet* rules_;
  std::vector<Profile> profiles_;
  Mistakes mistakes_;
  std::vector<std::string> disabled_;
};

}  // namespace

Parsed<std::vector<Profile>> parse_profiles(const std::vector<SourceFile>& files, const classify::RuleSet* rules) {
  return ProfilesParser(rules).run(files);
}

}  // namespace vigil::config
