// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/together.hpp"

#include <doctest/doctest.h>

using namespace vigil;
using namespace vigil::config;

namespace {

SourceFile rule(const std::string& path, const std::string& name, const std::string& klass, int layer) {
  return {path, "[[rule]]\nname = \"" + name + "\"\nclass = \"" + klass + "\"\nexe = \"" + name + "\"\n", layer};
}

const SourceFile kShipped = {"/usr/games.toml", "[lists]\nshells = [\"bash\"]\n[[rule]]\nname = \"a\"\nclass = \"gaming\"\nexe = \"@shells\"\n", 0};
const SourceFile kProfile = {"/usr/p.toml", "[[profile]]\nname = \"p\"\nmatch = { rule = \"games:a\" }\nboost = 1\n", 0};

}  // namespace

TEST_CASE("together: at the start a file with a mistake is left out and told with its place; the others are in force") {
  const std::vector<SourceFile> rules = {kShipped, rule("/etc/bad.toml", "b", "gamin", 1), rule("/etc/good.toml", "c", "ai", 1)};
  const auto strict = parse_together(rules, {kProfile}, OnMistake::refuse);
  REQUIRE_FALSE(strict);
  CHECK(strict.error().size() == 1);
  const auto all = parse_together(rules, {kProfile}, OnMistake::leave_out);
  REQUIRE(all);
  CHECK(all->rules.rules.size() == 2);
  CHECK(all->rules.find("good:c"));
  CHECK(all->rule_files.size() == 2);
  CHECK(all->profiles.size() == 1);
  REQUIRE(all->left_out.size() == 1);
  CHECK(all->left_out[0].to_string().starts_with("/etc/bad.toml:3:9: unknown class 'gamin'"));
}

TEST_CASE("together: what shipped under the name of a file that is left out is in force again") {
  const auto all = parse_together({kShipped, {"/etc/games.toml", "[[rule\n", 1}}, {}, OnMistake::leave_out);
  REQUIRE(all);
  CHECK(all->rules.find("games:a"));
  CHECK(all->left_out.size() == 1);
}

TEST_CASE("together: a profile that needs a rule of a file that is left out goes with it") {
  const auto all = parse_together({kShipped, rule("/etc/bad.toml", "b", "gamin", 1)},
                                  {kProfile, {"/etc/mine.toml", "[[profile]]\nname = \"q\"\nmatch = { rule = \"bad:b\" }\nboost = 1\n", 1}},
                                  OnMistake::leave_out);
  REQUIRE(all);
  CHECK(all->profiles.size() == 1);
  REQUIRE(all->left_out.size() == 2);
  CHECK(all->left_out[1].to_string() == "/etc/mine.toml:3:18: there is no rule 'bad:b'");
}

TEST_CASE("together: a file beside which what ships has a mistake is the one that is left out") {
  // A shipped profile asks for the rule; a shipped rule uses the list.
  for (const std::string text : {"disable = [\"games:a\"]\n", "[lists]\nshells = [\"\"]\n"}) {
    const auto all = parse_together({kShipped, rule("/etc/good.toml", "c", "ai", 1), {"/etc/mine.toml", text, 1}}, {kProfile}, OnMistake::leave_out);
    REQUIRE(all);
    CHECK(all->rules.find("games:a"));
    CHECK(all->rules.find("good:c"));
    REQUIRE(all->left_out.size() == 1);
    CHECK(all->left_out[0].to_string().starts_with("/etc/mine.toml: beside it there is a mistake in what ships: /usr/"));
  }
}

TEST_CASE("together: where no single file is to blame all but the first folder are left out; a mistake there is never passed over") {
  const std::vector<SourceFile> rules = {kShipped, {"/etc/one.toml", "disable = [\"games:a\"]\n", 1}, {"/etc/two.toml", "disable = [\"games:a\"]\n", 1}};
  const auto all = parse_together(rules, {kProfile}, OnMistake::leave_out);
  REQUIRE(all);
  CHECK(all->rule_files.size() == 1);
  CHECK(all->left_out.size() == 2);
  CHECK_FALSE(parse_together({rule("/usr/bad.toml", "b", "gamin", 0), rule("/etc/good.toml", "c", "ai", 1)}, {}, OnMistake::leave_out));
}
