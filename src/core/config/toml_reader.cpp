// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/toml_reader.hpp"

#include "base/text.hpp"

namespace vigil::config {

namespace {

// The parser takes a word without quotes for a number, a date, true, inf or nothing at all, and says so in its own terms.
std::string hint(std::string_view text, std::uint32_t number, std::string_view description) {
  constexpr std::string_view kHint = "; text belongs in quotes";
  if (description.find("could not determine value type") != std::string_view::npos) return std::string(kHint);
  for (std::uint32_t line = 1; line < number; ++line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  const auto line = text.substr(0, text.find('\n'));
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  const auto value = trim_space(line.substr(equals + 1));
  if (value.empty() || value.starts_with("true") || value.starts_with("false")) return {};
  const bool letter = (value[0] >= 'a' && value[0] <= 'z') || (value[0] >= 'A' && value[0] <= 'Z');
  return letter || value[0] == '/' || value[0] == '@' || value[0] == '*' ? std::string(kHint) : std::string();
}

template <typename Problem>
Mistake mistake_of(const SourceFile& file, const Problem& problem) {
  const auto& at = problem.source().begin;
  return {file.path, at.line, at.column, std::string(problem.description()) + hint(file.text, at.line, problem.description())};
}

}  // namespace

tl::expected<toml::table, Mistake> parse_toml(const SourceFile& file) {
#if TOML_EXCEPTIONS
  try {
    return toml::parse(std::string_view(file.text), std::string_view(file.path));
  } catch (const toml::parse_error& error) {
    return tl::unexpected(mistake_of(file, error));
  } catch (const std::exception& error) {
    return tl::unexpected(Mistake{file.path, 0, 0, error.what()});
  }
#else
  auto result = toml::parse(std::string_view(file.text), std::string_view(file.path));
  if (result) return std::move(result).table();
  return tl::unexpected(mistake_of(file, result.error()));
#endif
}

void TomlReader::mistake(const toml::source_region& at, std::string message) {
  mistakes_.push_back({path_, at.begin.line, at.begin.column, std::move(message)});
}

std::string TomlReader::suggestion(std::string_view word, const std::vector<std::string>& known) {
  const auto near = nearest(word, known);
  return near ? "; did you mean '" + *near + "'?" : std::string();
}

void TomlReader::unknown_key(const toml::key& key, const std::vector<std::string>& known, std::string_view where) {
  mistake(key.source(), "unknown key '" + printable(key.str()) + "'" + std::string(where) + suggestion(key.str(), known));
}

void TomlReader::wrong_type(const toml::node& node, std::string_view key, std::string_view wanted) {
  mistake(node.source(), "'" + std::string(key) + "' must be " + std::string(wanted));
}

std::optional<std::string> TomlReader::text(const toml::node& node, std::string_view key) {
  if (const auto* value = node.as_string()) return value->get();
  wrong_type(node, key, "a string");
  return std::nullopt;
}

std::optional<bool> TomlReader::boolean(const toml::node& node, std::string_view key) {
  if (const auto* value = node.as_boolean()) return value->get();
  wrong_type(node, key, "true or false");
  return std::nullopt;
}

std::optional<std::int64_t> TomlReader::number(const toml::node& node, std::string_view key, std::int64_t low,
                                               std::int64_t high) {
  const auto* value = node.as_integer();
  if (value && value->get() >= low && value->get() <= high) return value->get();
  wrong_type(node, key, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

std::vector<std::pair<std::string, toml::source_region>> TomlReader::texts(const toml::node& node,
                                                                            std::string_view key) {
  std::vector<std::pair<std::string, toml::source_region>> out;
  if (const auto* one = node.as_string()) {
    out.emplace_back(one->get(), node.source());
  } else if (const auto* array = node.as_array()) {
    if (array->empty()) mistake(node.source(), "'" + std::string(key) + "' is an empty list, so it could never hold");
    for (const auto& element : *array) {
      if (const auto* value = element.as_string())
        out.emplace_back(value->get(), element.source());
      else
        wrong_type(element, key, "a string or a list of strings");
    }
  } else {
    wrong_type(node, key, "a string or a list of strings");
  }
  return out;
}

}  // namespace vigil::config
