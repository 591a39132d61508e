// SPDX-License-Identifier: GPL-2.0-only
//
// What is wrong with a configuration file, all of it at once, each with its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace vigil::config {

struct Mistake {
  std::string file;
  std::uint32_t line = 0;  // 0: the file as a whole
  std::uint32_t column = 0;
  std::string message;  // with a suggestion where there is one

  // "games.toml:12:3: unknown key 'clas'; did you mean 'class'?"
  std::string to_string() const;
};

using Mistakes = std::vector<Mistake>;

// By file, line and column: the order in which a person mends them.
void sort_by_place(Mistakes& mistakes);

// A line each.
std::string to_string(const Mistakes& mistakes);

// Of such lines the first, at most 400 bytes of it, and how many more there are: "mine.toml:3:9: … (and 2 more)".
std::string in_short(std::string_view lines);

template <typename T>
using Parsed = tl::expected<T, Mistakes>;

// A file's name and contents; reading it is somebody else's work.
struct SourceFile {
  std::string path;
  std::string text;
  // Which folder it came from, counted from the built-in one (0). A rule of a later layer beats all earlier ones.
  std::int32_t layer = 0;
};

// "games" of "/etc/vigil/rules.d/games.toml".
std::string stem(std::string_view path);

// In order; of files of the same name only the last: a file of a later folder takes the place of the earlier one.
std::vector<const SourceFile*> in_force(const std::vector<SourceFile>& files);

}  // namespace vigil::config
