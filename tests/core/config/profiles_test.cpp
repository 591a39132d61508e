// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/profiles.hpp"

#include <doctest/doctest.h>

#include "core/classify/compile.hpp"
#include "core/classify/decide.hpp"
#include "core/classify/table_eval.hpp"
#include "core/config/rules.hpp"
#include "edge/files/config_files.hpp"

using namespace vigil;
using namespace vigil::config;
using policy::CpuPreference;
using policy::Profile;

namespace {

const classify::RuleSet& shipped_rules() {
  static const auto rules = [] {
    auto parsed = parse_rules(edge::read_rule_folders({RULES_DIR}).value());
    REQUIRE(parsed);
    return std::move(*parsed);
  }();
  return rules;
}

std::vector<Profile> good(const std::string& text, std::int32_t layer = 0) {
  auto parsed = parse_profiles({{"mine.toml", text, layer}}, &shipped_rules());
  if (!parsed) FAIL(to_string(parsed.error()));
  return std::move(*parsed);
}

std::string mistakes(const std::string& text) {
  const auto parsed = parse_profiles({{"mine.toml", text, 0}}, &shipped_rules());
  REQUIRE_FALSE(parsed);
  return to_string(parsed.error());
}

// The name of the profile that a process matches, by both evaluations.
std::string matched(const std::vector<Profile>& profiles, const classify::Facts& facts) {
  auto rules = shipped_rules();
  policy::ProfileNumbers numbers;
  const auto number = numbers.number(profiles, 1000);
  policy::link(profiles, number, rules);
  const auto direct = classify::decide(facts, rules).profile;
  const auto in_kernel = classify::evaluate(facts, classify::compile(rules)).verdict.profile;
  CHECK(direct == in_kernel);
  return direct ? profiles[direct - 1].name : "";
}

}  // namespace

TEST_CASE("profiles: what can be said") {
  const auto profiles = good(R"(
    [[profile]]
    name = "factorio"
    title = "Factorio"
    note = "one thread, much memory"
    match = [{ appid = [427520, 1] }, { exe = "factorio", argv = "--start-server*" }, { rule = "games:minecraft" }]
    class = "gaming"
    slice_us = 5000
    cpus = "vcache"
    strict = true
    smt = "whole-core"
    boost = 2
    mode = "gaming"
  )");
  REQUIRE(profiles.size() == 1);
  const auto& one = profiles.front();
  CHECK(one.name == "factorio");
  CHECK(one.title == "Factorio");
  REQUIRE(one.match.size() == 4);
  CHECK(policy::describe(one.match[0]) == "AppID 427520");
  CHECK(policy::describe(one.match[1]) == "AppID 1");
  CHECK(policy::describe(one.match[3]) == "rule games:minecraft");
  CHECK(one.settings.klass == WorkloadClass::gaming);
  CHECK(one.settings.slice_us == 5000U);
  CHECK(one.settings.cpus == CpuPreference::vcache);
  CHECK(one.settings.strict);
  CHECK(one.settings.smt == policy::SmtPreference::whole_core);
  CHECK(one.settings.boost == 2);
  CHECK(one.settings.mode == "gaming");
}

TEST_CASE("profiles: all mistakes at once, each with its place and a suggestion") {
  CHECK(mistakes("[[profile]]\nname = \"A game\"\nclas = \"gaming\"\ncpus = \"vcach\"\n"
                 "match = { appid = 0, exe = \"/usr/bin/x\" }\nboost = 9\n"
                 "[[profile]]\nname = \"b\"\nmatch = { rule = \"games:minecrft\" }\nsmt = \"whole-cores\"\nmode = \"gamin\"\nclass = \"gmaing\"\n"
                 "[[profle]]\n") ==
        "mine.toml:2:8: a profile's name is made of small letters, digits, '.', '_' and '-', at most 64; this is 'A game'\n"
        "mine.toml:3:1: unknown key 'clas' of a profile; did you mean 'class'?\n"
        "mine.toml:4:8: 'cpus' cannot be 'vcach' (any, vcache, frequency, performance, efficient, low-power, preferred); did you mean "
        "'vcache'?\n"
        "mine.toml:5:19: 'appid' must be a whole number from 1 to 4294967295\n"
        "mine.toml:5:28: 'exe' is one name without '/'; this is '/usr/bin/x'\n"
        "mine.toml:6:9: 'boost' must be a whole number from 0 to 4\n"
        "mine.toml:9:18: there is no rule 'games:minecrft'; did you mean 'games:minecraft'?\n"
        "mine.toml:10:7: 'smt' cannot be 'whole-cores' (whole-core, share); did you mean 'whole-core'?\n"
        "mine.toml:11:8: 'mode' cannot be 'gamin' (gaming, powersave, lowlatency, server); did you mean 'gaming'?\n"
        "mine.toml:12:9: unknown class 'gmaing' (regular, gaming, interactive, batch, ai, vm, container, latency, vectordb, kworker); "
        "did you mean 'gaming'?\n"
        "mine.toml:13:3: unknown key 'profle'; a profile starts with [[profile]]; did you mean 'profile'?");
}

TEST_CASE("profiles: what cannot act is refused with a sentence") {
  const std::string head = "[[profile]]\nname = \"a\"\nboost = 1\n";
  CHECK(mistakes(head + "strict = true\n") == "mine.toml:1:1: profile 'a': 'strict' keeps it on some CPUs: say which with 'cpus'");
  CHECK(mistakes("[[profile]]\nname = \"a\"\n") ==
        "mine.toml:1:1: profile 'a': it changes nothing: give it a class, slice_us, cpus, smt, boost or mode");
  CHECK(mistakes(head + "match = { appid = 1, exe = \"x\" }\n").find("stand alone in a match") != std::string::npos);
  CHECK(mistakes(head + "match = { not_exe = \"x\" }\n").find("says what must be there") != std::string::npos);
  CHECK(mistakes(head + "match = { rule = \"boundaries:people\" }\n").find("gives no class") != std::string::npos);
  CHECK(mistakes(head + "appid = 730\n").find("it belongs into match = { … }") != std::string::npos);
  CHECK(mistakes(head + "match = { exe = \"*\" }\n").find("matches everything") != std::string::npos);
}

TEST_CASE("profiles: a later folder's profile takes the place of one of the same name, and an AppID from another") {
  const std::string cs = "[[profile]]\nname = \"cs\"\nmatch = { appid = 730 }\nboost = 1\n";
  const std::string mine = "[[profile]]\nname = \"cs\"\nmatch = { appid = 730 }\nboost = 3\n";
  auto parsed = parse_profiles({{"a.toml", cs, 0}, {"b.toml", mine, 1}}, nullptr);
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 1);
  CHECK(parsed->front().settings.boost == 3);

  parsed = parse_profiles({{"a.toml", cs, 0}, {"b.toml", "[[profile]]\nname = \"x\"\nmatch = { appid = 730 }\nboost = 2\n", 1}}, nullptr);
  REQUIRE(parsed);
  CHECK(parsed->at(0).match.empty());
  CHECK(parsed->at(1).match.size() == 1);

  parsed = parse_profiles({{"a.toml", cs + "[[profile]]\nname = \"x\"\nmatch = { appid = 730 }\nboost = 2\n", 0}}, nullptr);
  REQUIRE_FALSE(parsed);
  CHECK(to_string(parsed.error()) == "a.toml:5:1: profile 'x': AppID 730 belongs to profile 'cs' already");

  parsed = parse_profiles({{"a.toml", cs, 0}, {"b.toml", "disable = [\"cs\"]\n", 1}}, nullptr);
  REQUIRE(parsed);
  CHECK(parsed->empty());
}

TEST_CASE("profiles: a process matches by its own rule before AppID, by AppID before the rule that decided") {
  const auto profiles = good(R"(
    [[profile]]
    name = "by-exe"
    match = { exe = "Factorio.exe" }
    boost = 1
    [[profile]]
    name = "by-appid"
    match = { appid = 427520 }
    boost = 1
    [[profile]]
    name = "by-rule"
    match = { rule = "games:proton-env" }
    boost = 1
    [[profile]]
    name = "by-arguments"
    match = { exe = "blender", argv = "--background" }
    class = "batch"
  )");
  classify::Facts game;
  game.exe = "/opt/proton/wine64-preloader";
  game.argv = {"Z:\\games\\other.exe"};
  game.env = {"STEAM_COMPAT_DATA_PATH=/c", "SteamAppId=1"};
  CHECK(matched(profiles, game) == "by-rule");
  game.env[1] = "SteamAppId=427520";
  CHECK(matched(profiles, game) == "by-appid");
  game.argv = {"Z:\\games\\Factorio.exe"};
  CHECK(matched(profiles, game) == "by-exe");

  // The same AppID in the environment of what is no game.
  classify::Facts shell;
  shell.exe = "/usr/bin/bash";
  shell.argv = {"bash"};
  shell.env = {"SteamAppId=427520"};
  CHECK(matched(profiles, shell) == "");

  classify::Facts blender;
  blender.exe = "/usr/bin/blender";
  blender.argv = {"blender", "scene.blend"};
  CHECK(matched(profiles, blender) == "");
  blender.argv.push_back("--background");
  CHECK(matched(profiles, blender) == "by-arguments");
}

TEST_CASE("profiles: a number stays with a name and its matches, and is never another's") {
  policy::ProfileNumbers numbers;
  auto first = good("[[profile]]\nname = \"a\"\nmatch = { appid = 1 }\nboost = 1\n[[profile]]\nname = \"b\"\nboost = 1\n");
  CHECK(numbers.number(first, 100) == std::vector<std::uint16_t>{1, 2});
  first[0].settings.boost = 3;
  std::swap(first[0], first[1]);
  CHECK(numbers.number(first, 100) == std::vector<std::uint16_t>{2, 1});
  first[1].match[0].appid = 2;
  CHECK(numbers.number(first, 100) == std::vector<std::uint16_t>{2, 3});
  CHECK(numbers.number(good("[[profile]]\nname = \"c\"\nboost = 1\n"), 3) == std::vector<std::uint16_t>{0});
}

TEST_CASE("profiles: those that ship are right, and found in the kernel") {
  const auto files = edge::read_rule_folders({PROFILES_DIR});
  REQUIRE(files);
  const auto profiles = parse_profiles(*files, &shipped_rules());
  if (!profiles) FAIL(to_string(profiles.error()));
  CHECK(profiles->size() >= 12);
  for (const auto& profile : *profiles) {
    CAPTURE(profile.name);
    CHECK_FALSE(profile.note.empty());
    CHECK_FALSE(profile.match.empty());
  }
  auto rules = shipped_rules();
  policy::ProfileNumbers numbers;
  policy::link(*profiles, numbers.number(*profiles, 1000), rules);
  const auto tables = classify::compile(rules);
  for (std::size_t i = 0; i < rules.rules.size(); ++i)
    if (rules.rules[i].profile) CHECK_MESSAGE((tables.placement[i].in_kernel || rules.rules[i].name == "profile:blender-render"), tables.placement[i].why);
}
