// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/rules.hpp"

#include <doctest/doctest.h>

#include "core/classify/compile.hpp"
#include "core/classify/decide.hpp"
#include "core/config/profiles.hpp"
#include "edge/files/config_files.hpp"

using namespace vigil;
using namespace vigil::config;
using classify::Facts;
using classify::Level;

namespace {

std::string mistakes_in(const std::string& text) {
  const auto rules = parse_rules({{"mine.toml", text, 0}});
  return rules ? "" : to_string(rules.error());
}

classify::RuleSet must(const std::vector<SourceFile>& files) {
  auto rules = parse_rules(files);
  if (!rules) FAIL(to_string(rules.error()));
  return std::move(*rules);
}

}  // namespace

TEST_CASE("rules: a rule says class, kind and conditions") {
  const auto rules = must({{"/usr/share/vigil/rules.d/games.toml", R"(
    [lists]
    loaders = ["wine", "wine64"]
    shells = ["bash"]
    [[rule]]
    name = "wine"
    class = "gaming"
    kind = "wine"
    priority = 200
    env = ["WINEPREFIX", "WINEARCH=win64"]
    not_exe = "@shells"
    any = { exe = "@loaders", arg = "*.exe" }
    also = [{ dir = "bin" }, { not_env = "NOT_NOW" }]
    inherit = true
    mark = "wine"
    appid_from = { env = "SteamAppId", arg = "AppId=*" }
  )", 0}});
  REQUIRE(rules.rules.size() == 1);
  const auto& rule = rules.rules[0];
  CHECK(rule.name == "games:wine");
  CHECK(rule.klass == WorkloadClass::gaming);
  CHECK(rules.kinds[rule.kind] == "wine");
  CHECK(rule.priority == 200);
  CHECK(rule.flags == classify::kInherit);
  CHECK(rule.mark == 1);
  CHECK(rule.level == Level::image);
  CHECK(rule.line == 5);
  CHECK(rules.captures.size() == 2);
  Facts facts{.exe = "/usr/bin/wine", .env = {"WINEPREFIX=/x"}};
  CHECK(classify::holds(rule, facts));
  facts.exe = "/opt/bin/Game";
  CHECK_FALSE(classify::holds(rule, facts));
  facts.argv = {"Z:\\Game.exe"};
  CHECK(classify::holds(rule, facts));
  facts.env.push_back("NOT_NOW=");
  CHECK_FALSE(classify::holds(rule, facts));
}

TEST_CASE("rules: the level follows from what a rule looks at") {
  const auto rules = must({{"a.toml", R"(
    [[rule]]
    name = "t"
    class = "vm"
    thread = "CPU */KVM"
    exe = "qemu"
    [[rule]]
    name = "i"
    class = "ai"
    exe = "x"
    cgroup = "y"
    [[rule]]
    name = "c"
    class = "container"
    cgroup = "docker-*.scope"
  )", 0}});
  CHECK(rules.rules[0].level == Level::thread);
  CHECK(rules.rules[1].level == Level::image);
  CHECK(rules.rules[2].level == Level::cgroup);
}

TEST_CASE("rules, profiles: what other tools call a class leads to ours; no word goes without the classes there are") {
  const auto said = [](const std::string& word) { return mistakes_in("[[rule]]\nname = \"a\"\nclass = \"" + word + "\"\nexe = \"x\"\n"); };
  const std::string all = "(regular, gaming, interactive, batch, ai, vm, container, latency, vectordb, kworker)";
  CHECK(said("background") == "mine.toml:3:9: unknown class 'background' " + all + "; did you mean 'batch'?");
  CHECK(said("zebra") == "mine.toml:3:9: unknown class 'zebra' " + all);
  const auto profiles = parse_profiles({{"p.toml", "[[profile]]\nname = \"a\"\nclass = \"games\"\n", 0}}, nullptr);
  REQUIRE_FALSE(profiles);
  CHECK(to_string(profiles.error()) == "p.toml:3:9: unknown class 'games' " + all + "; did you mean 'gaming'?");
}

TEST_CASE("rules: text without quotes is told so, whatever the parser took it for; other mistakes of TOML are not") {
  for (const std::string value : {"batch", "interactive", "nonsense", "[bash]", "/usr/bin/x", "frequency"}) {
    const auto said = mistakes_in("[[rule]]\nname = \"a\"\nclass = " + value + "\nexe = \"x\"\n");
    CAPTURE(value);
    CAPTURE(said);
    CHECK(said.starts_with("mine.toml:3:"));
    CHECK(said.ends_with("; text belongs in quotes"));
  }
  const auto said = mistakes_in("[[rule]]\nname = \"a\"\ninherit = true true\n[[rule\n");
  CHECK(said.starts_with("mine.toml:3:"));
  CHECK(said.find("quotes") == std::string::npos);
}

TEST_CASE("rules: every mistake is told, each with its place and what was probably meant") {
  CHECK(mistakes_in("[[rule]]\nname = \"a\"\nclas = \"gaming\"\nexe = \"x\"\nclass = \"gmaing\"\nthread = \"*x*\"\n"
                    "[[rule]]\nclass = \"ai\"\nexe = \"/usr/bin/x\"\n[[rle]]\n") ==
        "mine.toml:3:1: unknown key 'clas'; did you mean 'class'?\n"
        "mine.toml:5:9: unknown class 'gmaing' (regular, gaming, interactive, batch, ai, vm, container, latency, vectordb, kworker); did "
        "you mean 'gaming'?\n"
        "mine.toml:6:10: '*x*': a thread name can have one '*' and no '?'\n"
        "mine.toml:7:1: a rule needs a name\n"
        "mine.toml:9:7: 'exe' is one name without '/'; for a path there is 'exe_path'\n"
        "mine.toml:10:3: unknown key 'rle'; a rule starts with [[rule]]; did you mean 'rule'?");
}

TEST_CASE("rules: a syntax error is one mistake of its file, the other files are still read") {
  const auto rules = parse_rules({{"broken.toml", "[[rule]\nname = \"a\"", 0}, {"other.toml", "[[rule]]\nname = 3\nexe=\"x\"\nclass=\"ai\"", 0}});
  REQUIRE_FALSE(rules);
  REQUIRE(rules.error().size() == 2);
  CHECK(rules.error()[0].file == "broken.toml");
  CHECK(rules.error()[0].line == 1);
  CHECK(rules.error()[1].to_string() == "other.toml:2:8: 'name' must be a string");
}

TEST_CASE("rules: combinations that cannot work are refused") {
  const auto rule = [](const std::string& body) { return mistakes_in("[[rule]]\nname = \"a\"\n" + body); };
  CHECK(rule("class = \"ai\"").find("it has no conditions") != std::string::npos);
  CHECK(rule("class = \"ai\"\nnot_exe = \"x\"").find("only says what must not be") != std::string::npos);
  CHECK(rule("exe = \"x\"").find("it does nothing") != std::string::npos);
  CHECK(rule("exe = \"x\"\nboundary = true\nkind = \"k\"").find("need a class") != std::string::npos);
  CHECK(rule("class = \"ai\"\ncgroup = \"x\"\ninherit = true").find("cannot be inherited") != std::string::npos);
  CHECK(rule("class = \"ai\"\nthread = \"x\"\nmark = \"m\"").find("cannot set a mark") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe = \"x\"\nnot_thread = \"y\"").find("'not_thread' needs a 'thread'") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe = \"x\"\nunder = \"nobody\"").find("no rule sets the mark 'nobody'") != std::string::npos);
  CHECK(rule("class = \"ai\"\nany = { exe = \"x\", cgroup = \"y\" }").find("'any' mixes") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe = []").find("empty list") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe = \"*\"").find("matches everything") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe = \"@shels\"\n[lists]\nshells = [\"sh\"]").find("did you mean '@shells'?") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe = \"@a\"\n[lists]\na = [\"@b\"]\nb = [\"@a\"]").find("contains itself") != std::string::npos);
  CHECK(rule("class = \"ai\"\nthread = \"a name longer than fifteen\"").find("15 bytes") != std::string::npos);
  CHECK(rule("class = \"ai\"\nkernel = \"kworkr\"").find("did you mean 'kworker'?") != std::string::npos);
  CHECK(rule("class = \"vm\"\ndevice = \"kvn\"").find("unknown kind of device 'kvn'; did you mean 'kvm'?") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe_path = \"/x/*\"\nmark = \"m\"").find("comes too late for marks") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe = \"x\"\npriority = 1000").find("from 0 to 999") != std::string::npos);
  CHECK(rule("class = \"ai\"\nexe = \"x\"\n[[rule]]\nname = \"a\"\nclass = \"ai\"\nexe = \"y\"").find("a second rule of the name 'a'") != std::string::npos);
}

TEST_CASE("rules: a later file of the same name replaces the earlier, a rule is disabled by its name") {
  const SourceFile first{"/usr/share/vigil/rules.d/games.toml", "[[rule]]\nname = \"a\"\nclass = \"ai\"\nexe = \"x\"", 0};
  const SourceFile second{"/etc/vigil/rules.d/games.toml", "[[rule]]\nname = \"b\"\nclass = \"vm\"\nexe = \"x\"", 1};
  const SourceFile off{"/etc/vigil/rules.d/mine.toml", "disable = \"games:a\"", 1};
  const SourceFile wrong{"/etc/vigil/rules.d/mine.toml", "disable = [\"games:aa\"]", 1};
  const auto both = must({first, second});
  REQUIRE(both.rules.size() == 1);
  CHECK(both.rules[0].name == "games:b");
  CHECK(must({first, off}).rules.empty());
  const auto refused = parse_rules({first, wrong});
  REQUIRE_FALSE(refused);
  CHECK(to_string(refused.error()) ==
        "/etc/vigil/rules.d/mine.toml:1:12: there is no rule 'games:aa' to disable; did you mean 'games:a'?");
}

TEST_CASE("rules: what ships has no mistakes, and the kernel decides all of it") {
  const auto files = edge::read_rule_folders({RULES_DIR});
  REQUIRE(files);
  REQUIRE_FALSE(files->empty());
  const auto rules = must(*files);
  const auto tables = classify::compile(rules);
  for (std::size_t i = 0; i < tables.placement.size(); ++i)
    CHECK_MESSAGE(tables.placement[i].in_kernel, rules.rules[i].name << ": " << tables.placement[i].why);
  MESSAGE(rules.rules.size() << " rules, " << tables.rules.size() << " rows, " << tables.atoms.size() << " atoms, "
                             << tables.signals_used << " signals");
}
