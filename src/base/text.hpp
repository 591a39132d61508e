// SPDX-License-Identifier: GPL-2.0-only
//
// Small text work that everyone needs: splitting, trimming, strict numbers, globs.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigil {

std::string_view trim_space(std::string_view text);
// "a,,b" gives three parts; "" gives one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);
// What follows the last '/', or all of it.
std::string_view base_name(std::string_view path);
// Shell-like: '*' any run of characters (also '/'), '?' one character, everything else itself.
bool glob_match(std::string_view pattern, std::string_view text);
// The candidate nearest to `word` by edit distance, if it is near enough to be a typing mistake.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
// For showing bytes a process chose (names, arguments): control and invalid UTF-8 bytes become \xNN.
std::string printable(std::string_view bytes);

// The whole text must be the number: "12 " and "0x12" in base 10 are not numbers.
template <typename T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace vigil
