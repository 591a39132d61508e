// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/rules_cmd.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "core/classify/compile.hpp"
#include "core/classify/decide.hpp"
#include "core/classify/table_eval.hpp"
#include "core/config/profiles.hpp"
#include "core/config/rules.hpp"
#include "edge/files/config_files.hpp"

namespace vigil {

namespace {

using classify::CompiledRules;
using classify::Facts;
using classify::RuleSet;
using nlohmann::json;

constexpr int kDone = 0, kFailed = 1, kUsage = 2;

std::string line_of(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace) + '\n'; }

CommandOutput complaint(const std::string& text, int status) { return {status, "", "vigilctl: " + text + '\n'}; }

struct Loaded {
  std::vector<config::SourceFile> files;
  config::Parsed<RuleSet> rules;
};

// The default folders may be missing, one that somebody names may not.
Result<void> must_exist(const std::vector<std::string>& folders) {
  std::error_code error;
  for (const auto& folder : folders)
    if (!std::filesystem::is_directory(folder, error)) return fail(folder + ": no such folder");
  return {};
}

Result<Loaded> load(const std::vector<std::string>& folders) {
  if (auto done = must_exist(folders); !done) return fail(std::move(done).error());
  auto files = edge::read_rule_folders(folders.empty() ? edge::default_folders("rules.d") : folders);
  if (!files) return fail(std::move(files).error());
  if (files->empty()) return fail("there is no rule file (*.toml) in these folders");
  auto rules = config::parse_rules(*files);
  return Loaded{std::move(*files), std::move(rules)};
}

// The profiles, linked to the rules; their numbers are their positions from 1.
struct LoadedProfiles {
  std::vector<config::SourceFile> files;
  config::Parsed<std::vector<policy::Profile>> profiles;
};

Result<LoadedProfiles> load_profiles(const ConfigFolders& folders, RuleSet& rules) {
  if (auto done = must_exist(folders.profiles); !done) return fail(std::move(done).error());
  std::vector<std::string> from = folders.profiles;
  if (from.empty() && folders.rules.empty()) from = edge::default_folders("profiles.d");
  auto files = edge::read_rule_folders(from);
  if (!files) return fail(std::move(files).error());
  auto profiles = config::parse_profiles(*files, &rules);
  if (profiles) {
    policy::ProfileNumbers numbers;
    policy::link(*profiles, numbers.number(*profiles, 0x7fff), rules);
  }
  return LoadedProfiles{std::move(*files), std::move(profiles)};
}

CommandOutput mistakes_found(const config::Mistakes& mistakes, bool as_json) {
  if (as_json) {
    json list = json::array();
    for (const auto& one : mistakes)
      list.push_back({{"file", one.file}, {"line", one.line}, {"column", one.column}, {"message", one.message}});
    return {kFailed, line_of({{"ok", false}, {"mistakes", std::move(list)}}), ""};
  }
  return {kFailed, "",
          config::to_string(mistakes) + '\n' + std::to_string(mistakes.size()) +
              (mistakes.size() == 1 ? " mistake" : " mistakes") +
              ". Files with a mistake are never loaded: a running daemon keeps what it has, one that starts leaves them out.\n"};
}

std::string plural(std::size_t n, const std::string& one) { return std::to_string(n) + ' ' + one + (n == 1 ? "" : "s"); }

std::string level_name(std::optional<classify::Level> level) { return level ? std::string(to_string(*level)) : "none"; }

// "mine.toml:12", or "" when the rule is not one of a file.
std::string place(const classify::Rule& rule) { return rule.file + ':' + std::to_string(rule.line); }

Result<Facts> facts_of(const DescribedProcess& process, const RuleSet& rules) {
  Facts facts;
  facts.exe = process.exe;
  facts.script = process.script;
  facts.argv.push_back(process.argv0.empty() ? process.exe : process.argv0);
  facts.argv.insert(facts.argv.end(), process.args.begin(), process.args.end());
  for (const auto& variable : process.env) {
    if (variable.find('=') == std::string::npos) return fail("--env " + variable + ": write NAME=value");
    facts.env.push_back(variable);
  }
  const auto named_after = process.script.empty() ? process.exe : process.script;
  facts.comm = process.comm.empty() ? std::string(base_name(named_after)) : process.comm;
  facts.comm.resize(std::min(facts.comm.size(), classify::kMaxComm));
  facts.cgroup = process.cgroup;
  facts.uid = process.uid;
  for (const auto& name : process.kernel) {
    const auto flag = classify::parse_kernel_flag(name);
    if (!flag) return fail("--kernel " + name + ": there are kthread, kworker, pidns, nice, realtime, script, storm");
    facts.flags |= classify::flag_bit(*flag);
  }
  if (!process.before.empty()) {
    const auto klass = parse_workload_class(process.before);
    if (!klass) return fail("--before " + process.before + ": no such class");
    // Which rule it was does not matter here; only that it is handed on.
    facts.previous = {classify::kMaxRules + 1, *klass, 0, classify::kInherit};
  }
  for (const auto& name : process.under) {
    const auto it = std::find(rules.marks.begin(), rules.marks.end(), name);
    if (it == rules.marks.end()) return fail("--under " + name + ": no rule sets that mark");
    facts.marks |= 1U << (it - rules.marks.begin());
  }
  return facts;
}

struct Outcome {
  classify::Explanation said;
  bool in_kernel = true;
};

Outcome judge(const Facts& facts, const RuleSet& rules) {
  Outcome out{classify::explain(facts, rules), true};
  const auto tables = classify::compile(rules);
  out.in_kernel = classify::evaluate(facts, tables).verdict.in_force() == out.said.verdict.in_force();
  return out;
}

const policy::Profile* profile_of(const Outcome& outcome, const std::vector<policy::Profile>& profiles) {
  const auto number = outcome.said.verdict.profile;
  return number && number <= profiles.size() ? &profiles[number - 1U] : nullptr;
}

// The class in force, with the profile's word above all rules.
WorkloadClass class_of(const Outcome& outcome, const policy::Profile* profile) {
  return profile && profile->settings.klass ? *profile->settings.klass : outcome.said.verdict.in_force().klass;
}

// A number that only came along in the environment is nobody's.
std::uint32_t game_appid(const classify::Verdict& verdict) {
  for (const auto& level : verdict.levels)
    if (level && level->klass == WorkloadClass::gaming) return verdict.appid;
  return 0;
}

json outcome_json(const Outcome& outcome, const RuleSet& rules, const policy::Profile* profile) {
  const auto& verdict = outcome.said.verdict;
  const auto force = verdict.in_force();
  const auto* rule = rules.by_id(force.rule);
  const auto named = [](std::string_view text) { return text.empty() ? json() : json(std::string(text)); };
  json considered = json::array();
  for (const auto& one : outcome.said.considered)
    considered.push_back({{"rule", std::string(rules.rule_name(one.rule))}, {"held", one.held}, {"why", one.why}});
  json marks = json::array();
  for (std::size_t i = 0; i < rules.marks.size(); ++i)
    if (verdict.marks >> i & 1) marks.push_back(rules.marks[i]);
  const bool profile_decides = profile && profile->settings.klass;
  return {{"class", std::string(to_string(class_of(outcome, profile)))},
          {"kind", named(rules.kinds[force.kind])},
          {"profile", profile ? json(profile->name) : json()},
          {"title", profile && !profile->title.empty() ? json(profile->title) : json()},
          {"rule_class", std::string(to_string(force.klass))},
          {"rule", profile_decides ? json("profile:" + profile->name) : rule ? json(rule->name) : json()},
          {"file", rule ? json(rule->file) : json()},
          {"line", rule ? json(rule->line) : json()},
          {"level", verdict.level() ? json(level_name(verdict.level())) : json()},
          {"source", outcome.in_kernel ? "kernel" : "daemon"},
          {"evidence", outcome.said.evidence},
          {"steam_appid", game_appid(verdict) ? json(verdict.appid) : json()},
          {"boundary", named(rules.rule_name(verdict.boundary))},
          {"inherited_on", (force.flags & classify::kInherit) != 0},
          {"marks", std::move(marks)},
          {"considered", std::move(considered)}};
}

std::string outcome_text(const Outcome& outcome, const RuleSet& rules, const policy::Profile* profile) {
  const auto& verdict = outcome.said.verdict;
  const auto force = verdict.in_force();
  std::string out;
  const auto line = [&](std::string_view name, const std::string& value) {
    out += std::string(name) + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') + printable(value) + '\n';
  };
  const auto& kind = rules.kinds[force.kind];
  line("class", std::string(to_string(class_of(outcome, profile))) + (kind.empty() ? "" : " (" + kind + ")"));
  if (profile) {
    line("profile", profile->name + (profile->title.empty() ? "" : " (" + profile->title + ")") + "  " + profile->file + ':' +
                        std::to_string(profile->line));
    if (profile->settings.klass && *profile->settings.klass != force.klass)
      line("", "it sets the class; the rules alone would say " + std::string(to_string(force.klass)));
  }
  if (const auto* rule = rules.by_id(force.rule)) {
    line("rule", rule->name + "  " + place(*rule));
    line("decided", std::string(outcome.in_kernel ? "in the kernel" : "by the daemon, after the exec") + ", " +
                        level_name(verdict.level()) + " level");
  } else {
    line("rule", verdict.level() == classify::Level::ancestry ? "none: inherited" : "none: no rule speaks about it");
  }
  std::string evidence;
  for (const auto& one : outcome.said.evidence) evidence += (evidence.empty() ? "" : ", ") + one;
  if (!evidence.empty()) line("evidence", evidence);
  if (game_appid(verdict)) line("AppID", std::to_string(verdict.appid));
  if (verdict.boundary) line("boundary", std::string(rules.rule_name(verdict.boundary)) + ": nothing is inherited past it");
  if (force.flags & classify::kInherit) line("inherited", "by what it starts");
  if (outcome.said.considered.empty()) return out;
  out += "considered\n";
  for (const auto& one : outcome.said.considered)
    out += "  " + std::string(rules.rule_name(one.rule)) + (one.held ? " holds, but " : " does not hold: ") + printable(one.why) + '\n';
  return out;
}

// Rules and profiles of one's own disable shipped ones and use their lists, for the daemon reads them behind those.
bool builds_on_what_ships(const std::vector<std::string>& folders, const std::string& builtin) {
  std::error_code error;
  if (folders.empty() || !std::filesystem::is_directory(builtin, error)) return false;
  return std::none_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return std::filesystem::equivalent(folder, builtin, error);
  });
}

}  // namespace

CommandOutput check_rules(const std::vector<std::string>& folders, bool as_json, std::string builtin) {
  if (builtin.empty()) builtin = edge::default_folders("rules.d").front();
  const bool builds_on = builds_on_what_ships(folders, builtin);
  auto all = folders;
  if (builds_on) all.insert(all.begin(), builtin);
  if (auto done = must_exist(folders); !done) return complaint(done.error().message(), kFailed);
  const auto loaded = load(all);
  if (!loaded) return complaint(loaded.error().message(), kFailed);
  if (builds_on && loaded->files.back().layer == 0) return complaint("there is no rule file (*.toml) in these folders", kFailed);
  if (!loaded->rules) return mistakes_found(loaded->rules.error(), as_json);
  const RuleSet& rules = *loaded->rules;
  const auto tables = classify::compile(rules);

  json notes = json::array();
  std::string text;
  std::size_t in_kernel = 0;
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const auto& placement = tables.placement[i];
    in_kernel += placement.in_kernel;
    if (placement.why.empty()) continue;
    notes.push_back({{"rule", rules.rules[i].name}, {"in_kernel", placement.in_kernel}, {"why", placement.why}});
    text += (placement.in_kernel ? "note    " : "daemon  ") + rules.rules[i].name + ": " + placement.why + '\n';
  }
  if (as_json) {
    json files = json::array();
    for (const auto& file : loaded->files) files.push_back(file.path);
    return {kDone, line_of({{"ok", true}, {"files", std::move(files)}, {"rules", rules.rules.size()},
                            {"in_kernel", in_kernel}, {"names", tables.atoms.size()}, {"signals", tables.signals_used},
                            {"signals_max", classify::kSignals}, {"notes", std::move(notes)}, {"mistakes", json::array()}}), ""};
  }
  text += (plural(rules.rules.size(), "rule") + " in " + plural(loaded->files.size(), "file") +
      (builds_on ? ", with those that ship" : "") + ", no mistakes. " +
      std::to_string(in_kernel) + " decided in the kernel, " + std::to_string(rules.rules.size() - in_kernel) + " by the daemon; " +
      plural(tables.atoms.size(), "name") + ", " + std::to_string(tables.signals_used) + " of " +
      std::to_string(classify::kSignals) + " signals.\n");
  return {kDone, std::move(text), ""};
}

CommandOutput test_rules(const ConfigFolders& folders, const DescribedProcess& process, bool as_json) {
  if (process.says_nothing()) return complaint("describe a process: --exe, --arg, --env, --comm, --cgroup, …", kUsage);
  auto loaded = load(folders.rules);
  if (!loaded) return complaint(loaded.error().message(), kFailed);
  if (!loaded->rules) return mistakes_found(loaded->rules.error(), as_json);
  RuleSet& rules = *loaded->rules;
  const auto profiles = load_profiles(folders, rules);
  if (!profiles) return complaint(profiles.error().message(), kFailed);
  if (!profiles->profiles) return mistakes_found(profiles->profiles.error(), as_json);
  const auto facts = facts_of(process, rules);
  if (!facts) return complaint(facts.error().message(), kUsage);
  const auto outcome = judge(*facts, rules);
  const auto* profile = profile_of(outcome, *profiles->profiles);
  return {kDone, as_json ? line_of(outcome_json(outcome, rules, profile)) : outcome_text(outcome, rules, profile), ""};
}

CommandOutput check_profiles(const ConfigFolders& folders, bool as_json, const ConfigFolders& builtin) {
  const auto ships = (builtin.profiles.empty() ? edge::default_folders("profiles.d") : builtin.profiles).front();
  // Those that ship name rules that ship, which other rules may be without.
  const bool builds_on = folders.rules.empty() && builds_on_what_ships(folders.profiles, ships);
  auto all = folders.profiles;
  if (builds_on) all.insert(all.begin(), ships);
  if (auto done = must_exist(folders.profiles); !done) return complaint(done.error().message(), kFailed);
  auto loaded = load(folders.rules.empty() ? builtin.rules : folders.rules);
  if (!loaded) return complaint(loaded.error().message(), kFailed);
  if (!loaded->rules) return mistakes_found(loaded->rules.error(), as_json);
  RuleSet& rules = *loaded->rules;
  const auto profiles = load_profiles({{}, all}, rules);
  if (!profiles) return complaint(profiles.error().message(), kFailed);
  if (!profiles->profiles) return mistakes_found(profiles->profiles.error(), as_json);
  const auto tables = classify::compile(rules);

  json notes = json::array();
  std::string text;
  const auto note = [&](const std::string& name, const std::string& why) {
    notes.push_back({{"profile", name}, {"why", why}});
    text += "note    " + name + ": " + why + '\n';
  };
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const auto& placement = tables.placement[i];
    if (const auto& rule = rules.rules[i]; rule.profile && !placement.why.empty())
      note((*profiles->profiles)[rule.profile - 1U].name, placement.why);
  }
  for (const auto& profile : *profiles->profiles)
    if (profile.match.empty()) note(profile.name, "nothing matches it; it is only for `vigilctl profile use`");
  if (as_json) {
    json files = json::array(), names = json::array();
    for (const auto& file : profiles->files) files.push_back(file.path);
    for (const auto& profile : *profiles->profiles) names.push_back(profile.name);
    return {kDone, line_of({{"ok", true}, {"files", std::move(files)}, {"profiles", std::move(names)}, {"notes", std::move(notes)},
                            {"mistakes", json::array()}}), ""};
  }
  text += plural(profiles->profiles->size(), "profile") + " in " + plural(profiles->files.size(), "file") +
          (builds_on ? ", with those that ship" : "") + ", no mistakes.\n";
  return {kDone, std::move(text), ""};
}

namespace {

int print(const CommandOutput& output) {
  std::fwrite(output.out.data(), 1, output.out.size(), stdout);
  std::fwrite(output.err.data(), 1, output.err.size(), stderr);
  return output.status;
}

}  // namespace

int run_rules_check(const std::vector<std::string>& folders, bool as_json) { return print(check_rules(folders, as_json)); }
int run_rules_test(const ConfigFolders& folders, const DescribedProcess& process, bool as_json) {
  return print(test_rules(folders, process, as_json));
}
int run_profile_check(const std::vector<std::string>& profile_folders, const std::vector<std::string>& rule_folders, bool as_json) {
  return print(check_profiles({rule_folders, profile_folders}, as_json));
}

}  // namespace vigil
