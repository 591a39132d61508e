// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/rules_cmd.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../../support/temp_dir.hpp"

using namespace vigil;
using test::TempDir;
using nlohmann::json;

namespace {

// A folder with one rule file, gone at the end.
class RuleFolder {
 public:
  explicit RuleFolder(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "vigil-rules-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
    std::ofstream(path_ + "/mine.toml") << text;
  }
  ~RuleFolder() { std::filesystem::remove_all(path_); }
  RuleFolder(const RuleFolder&) = delete;
  RuleFolder& operator=(const RuleFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("rules check: the built-in rules are right, and counted") {
  const auto output = check_rules({RULES_DIR}, true);
  CHECK(output.status == 0);
  const auto said = json::parse(output.out);
  CHECK(said["ok"] == true);
  CHECK(said["rules"] == said["in_kernel"]);
  CHECK(said["signals"] < said["signals_max"]);
}

TEST_CASE("rules check: a folder of one's own builds on the rules that ship, whichever way theirs is written") {
  const RuleFolder folder("disable = [\"games:steam-library\"]\n[[rule]]\nname = \"a\"\nclass = \"gaming\"\nexe = \"x\"\nnot_exe = \"@shells\"\n");
  auto output = check_rules({folder.path()}, false, RULES_DIR);
  CHECK(output.status == 0);
  CHECK(output.out.find(" files, with those that ship, no mistakes.") != std::string::npos);
  const TempDir nothing;
  CHECK(check_rules({nothing.path()}, false, RULES_DIR).err == "vigilctl: there is no rule file (*.toml) in these folders\n");
  output = check_rules({folder.path()}, false, "/no/such/folder");
  CHECK(output.status == 1);
  CHECK(output.err.find("there is no rule 'games:steam-library' to disable") != std::string::npos);
  const auto alone = check_rules({RULES_DIR}, false, "/no/such/folder");
  output = check_rules({RULES_DIR "/../rules.d"}, false, RULES_DIR);
  CHECK(output.status == 0);
  CHECK(output.out == alone.out);
  output = check_rules({RULES_DIR, folder.path()}, false, RULES_DIR);
  CHECK(output.status == 0);
  CHECK(output.out.find("with those that ship") == std::string::npos);
}

TEST_CASE("rules check: a folder that somebody names must be there") {
  const auto output = check_rules({RULES_DIR, "/no/such/folder"}, false);
  CHECK(output.status == 1);
  CHECK(output.err == "vigilctl: /no/such/folder: no such folder\n");
}

TEST_CASE("rules check: mistakes are told with their place, and fail") {
  const RuleFolder folder("[[rule]]\nname = \"a\"\nclass = \"gamin\"\nexe = \"x\"\n");
  const auto output = check_rules({RULES_DIR, folder.path()}, false);
  CHECK(output.status == 1);
  CHECK(output.out.empty());
  CHECK(output.err.find("/mine.toml:3:9: unknown class 'gamin' (regular, gaming, ") != std::string::npos);
  CHECK(output.err.find("); did you mean 'gaming'?\n1 mistake.") != std::string::npos);
  const auto said = json::parse(check_rules({folder.path()}, true).out);
  CHECK(said["ok"] == false);
  CHECK(said["mistakes"][0]["line"] == 3);
}

TEST_CASE("rules check: what is left to the daemon is named with the reason") {
  const RuleFolder folder("[[rule]]\nname = \"a\"\nclass = \"gaming\"\nexe_path = \"/opt/*/x\"\n");
  const auto output = check_rules({folder.path()}, false);
  CHECK(output.status == 0);
  CHECK(output.out.find("daemon  mine:a: a whole path ('/opt/*/x') is only read by the daemon") != std::string::npos);
}

TEST_CASE("rules test: a described Proton game") {
  DescribedProcess process;
  process.exe = "/usr/bin/sleep";
  process.env = {"STEAM_COMPAT_DATA_PATH=/c", "SteamAppId=1091500"};
  const auto said = json::parse(test_rules({{RULES_DIR}, {}}, process, true).out);
  CHECK(said["class"] == "gaming");
  CHECK(said["kind"] == "proton");
  CHECK(said["rule"] == "games:proton-env");
  CHECK(said["level"] == "image");
  CHECK(said["source"] == "kernel");
  CHECK(said["steam_appid"] == 1091500);
  CHECK(said["evidence"][0] == "env STEAM_COMPAT_DATA_PATH");
}

TEST_CASE("rules test: nothing known is regular, with nulls for what is not there") {
  DescribedProcess process;
  process.exe = "/usr/bin/sleep";
  const auto said = json::parse(test_rules({{RULES_DIR}, {}}, process, true).out);
  CHECK(said["class"] == "regular");
  CHECK(said["rule"].is_null());
  CHECK(said["level"].is_null());
  CHECK(said["steam_appid"].is_null());
}

TEST_CASE("rules test: inheritance, marks and boundaries can be described") {
  DescribedProcess process;
  process.exe = "/usr/bin/bash";
  process.before = "gaming";
  auto said = json::parse(test_rules({{RULES_DIR}, {}}, process, true).out);
  CHECK(said["class"] == "regular");
  CHECK(said["boundary"] == "boundaries:shells");
  process.exe = "/opt/helper";
  said = json::parse(test_rules({{RULES_DIR}, {}}, process, true).out);
  CHECK(said["class"] == "gaming");
  CHECK(said["level"] == "ancestry");
}

TEST_CASE("rules test: a description that makes no sense is a usage error") {
  DescribedProcess process;
  CHECK(test_rules({{RULES_DIR}, {}}, process, false).status == 2);
  process.exe = "/bin/x";
  process.before = "gamer";
  CHECK(test_rules({{RULES_DIR}, {}}, process, false).status == 2);
  process.before.clear();
  process.env = {"NOVALUE"};
  CHECK(test_rules({{RULES_DIR}, {}}, process, false).status == 2);
  process.env.clear();
  process.under = {"nobody"};
  CHECK(test_rules({{RULES_DIR}, {}}, process, false).status == 2);
}

TEST_CASE("rules test: a rule only the daemon can decide says so") {
  const RuleFolder folder("[[rule]]\nname = \"a\"\nclass = \"ai\"\nexe_path = \"/opt/*/x\"\n");
  DescribedProcess process;
  process.exe = "/opt/y/x";
  CHECK(json::parse(test_rules({{folder.path()}, {}}, process, true).out)["source"] == "daemon");
}

TEST_CASE("rules test: the profile is shown, and that it sets the class") {
  const TempDir dir;
  std::ofstream(dir / "mine.toml") << "[[profile]]\nname = \"encoder\"\nmatch = { exe = \"my-encoder\" }\nclass = \"batch\"\n"
                                      "[[profile]]\nname = \"two\"\ntitle = \"The Game\"\nmatch = { appid = 222 }\nboost = 1\n";
  DescribedProcess process;
  process.exe = "/usr/bin/my-encoder";
  auto said = json::parse(test_rules({{RULES_DIR}, {dir.path()}}, process, true).out);
  CHECK(said["profile"] == "encoder");
  CHECK(said["class"] == "batch");
  CHECK(said["rule"] == "profile:encoder");
  CHECK(said["rule_class"] == "regular");

  process = {};
  process.exe = "Game.exe";
  process.env = {"STEAM_COMPAT_DATA_PATH=/c", "SteamAppId=222"};
  said = json::parse(test_rules({{RULES_DIR}, {dir.path()}}, process, true).out);
  CHECK(said["profile"] == "two");
  CHECK(said["title"] == "The Game");
  CHECK(said["class"] == "gaming");
  CHECK(said["rule"] == "games:proton-env");
  const auto text = test_rules({{RULES_DIR}, {dir.path()}}, process, false).out;
  CHECK_MESSAGE(text.find("profile     two (The Game)") != std::string::npos, text);
}

TEST_CASE("profile check: mistakes with their places, notes about what the kernel cannot look for") {
  const TempDir dir;
  std::ofstream(dir / "a.toml") << "[[profile]]\nname = \"render\"\nmatch = { exe = \"blender\", argv = \"-b\" }\nclass = \"batch\"\n";
  auto said = check_profiles({{RULES_DIR}, {dir.path()}}, false);
  CHECK(said.status == 0);
  CHECK_MESSAGE(said.out.find("note    render: '-b': the kernel looks only at arguments with at least four known letters") != std::string::npos,
                said.out);
  CHECK(said.out.find("1 profile in 1 file, no mistakes.") != std::string::npos);
  std::ofstream(dir / "b.toml") << "[[profile]]\nname = \"x\"\ncpus = \"fast\"\n";
  said = check_profiles({{RULES_DIR}, {dir.path()}}, true);
  CHECK(said.status == 1);
  CHECK(json::parse(said.out)["mistakes"][0]["line"] == 3);
}

TEST_CASE("profile check: a folder of one's own builds on the profiles that ship") {
  const TempDir dir;
  const ConfigFolders ships = {{RULES_DIR}, {RULES_DIR "/../profiles.d"}};
  std::ofstream(dir / "mine.toml") << "disable = [\"cyberpunk-2077\"]\n";
  auto said = check_profiles({{}, {dir.path()}}, false, ships);
  CHECK_MESSAGE(said.status == 0, said.err);
  CHECK(said.out.find(" files, with those that ship, no mistakes.") != std::string::npos);
  // With rules that somebody names, what ships may not hold.
  said = check_profiles({{RULES_DIR}, {dir.path()}}, false, ships);
  CHECK(said.status == 1);
  CHECK(said.err.find("there is no profile 'cyberpunk-2077' to disable") != std::string::npos);
  said = check_profiles({{}, ships.profiles}, false, ships);
  CHECK_MESSAGE(said.status == 0, said.err);
  CHECK(said.out.find("with those that ship") == std::string::npos);
}
