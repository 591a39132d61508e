// SPDX-License-Identifier: GPL-2.0-only
//
// Reads a TOML table key by key, noting every mistake with its place. Private to core/config.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include "core/config/mistake.hpp"

namespace vigil::config {

// The parser throws; nothing leaves this function but a table or a Mistake.
tl::expected<toml::table, Mistake> parse_toml(const SourceFile& file);

class TomlReader {
 public:
  TomlReader(const SourceFile& file, Mistakes& mistakes) : path_(file.path), mistakes_(mistakes) {}

  void mistake(const toml::source_region& at, std::string message);
  void unknown_key(const toml::key& key, const std::vector<std::string>& known, std::string_view where = "");
  void wrong_type(const toml::node& node, std::string_view key, std::string_view wanted);
  // "; did you mean 'class'?", or "".
  static std::string suggestion(std::string_view word, const std::vector<std::string>& known);

  std::optional<std::string> text(const toml::node& node, std::string_view key);
  std::optional<bool> boolean(const toml::node& node, std::string_view key);
  std::optional<std::int64_t> number(const toml::node& node, std::string_view key, std::int64_t low, std::int64_t high);
  // One string or an array of them, each with its place.
  std::vector<std::pair<std::string, toml::source_region>> texts(const toml::node& node, std::string_view key);

  const std::string& path() const { return path_; }

 private:
  const std::string& path_;
  Mistakes& mistakes_;
};

}  // namespace vigil::config
