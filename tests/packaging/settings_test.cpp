// SPDX-License-Identifier: GPL-2.0-only
//
// The example of the settings file that is installed: valid as it is, and with every setting in it switched
// on.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>
#include <string>

#include "core/config/settings.hpp"

using namespace vigil::config;

namespace {

std::string example() {
  const char* path = getenv("EXAMPLE_SETTINGS");
  REQUIRE(path != nullptr);
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  REQUIRE_FALSE(all.str().empty());
  return all.str();
}

// A setting that is switched off is "#key = …" or "#[section]"; prose has a space behind the '#'.
std::string switched_on(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);)
    out += (line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line) + '\n';
  return out;
}

}  // namespace

TEST_CASE("example settings: change nothing as installed") {
  const auto settings = parse_settings({.path = "vigil.toml", .text = example()});
  REQUIRE(settings);
  CHECK_FALSE(settings->mode);
  CHECK(settings->rules.empty());
}

TEST_CASE("example settings: every setting shown is one, with a value that is allowed") {
  const auto text = switched_on(example());
  REQUIRE(text != example());
  const auto settings = parse_settings({.path = "vigil.toml", .text = text});
  REQUIRE_MESSAGE(settings, (settings ? "" : to_string(settings.error())));
  CHECK(settings->mode == "auto");
  CHECK(settings->events == "auto");
  CHECK(settings->socket_group == "vigil");
  CHECK(settings->ring_kib == 1024);
  CHECK(settings->scheduler.steer == true);
}
