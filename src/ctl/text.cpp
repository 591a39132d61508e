// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/text.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace vigil::ctl {

namespace {

constexpr std::uint64_t kMicro = 1000, kMilli = 1000 * kMicro, kSecond = 1000 * kMilli;
constexpr std::uint64_t kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;

// Two digits that mean something: "2.1", "21", "210".
std::string scaled(std::uint64_t value, std::uint64_t unit, const char* name) {
  std::array<char, 32> buffer{};
  const double scaled_value = static_cast<double>(value) / static_cast<double>(unit);
  const bool whole = scaled_value >= 10.0 || value % unit == 0;
  const int length =
      std::snprintf(buffer.data(), buffer.size(), whole ? "%.0f %s" : "%.1f %s", scaled_value, name);
  return {buffer.data(), static_cast<std::size_t>(length)};
}

std::string two_units(std::uint64_t ns, std::uint64_t large, const char* large_name, std::uint64_t small,
                      const char* small_name) {
  std::string text = std::to_string(ns / large) + ' ' + large_name;
  if (const auto rest = ns % large / small; rest > 0) text += ' ' + std::to_string(rest) + ' ' + small_name;
  return text;
}

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

}  // namespace

std::string duration(std::uint64_t ns) {
  if (ns == 0) return "0 s";
  if (ns < kMicro) return std::to_string(ns) + " ns";
  if (ns < kMilli) return scaled(ns, kMicro, "µs");
  if (ns < kSecond) return scaled(ns, kMilli, "ms");
  if (ns < kMinute) return scaled(ns, kSecond, "s");
  if (ns < kHour) return two_units(ns, kMinute, "min", kSecond, "s");
  if (ns < kDay) return two_units(ns, kHour, "h", kMinute, "min");
  return two_units(ns, kDay, "d", kHour, "h");
}

std::string count(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string time_of_day(std::uint64_t monotonic_ns) {
  timespec real{};
  clock_gettime(CLOCK_REALTIME, &real);
  const std::uint64_t now = monotonic_now();
  const std::uint64_t real_ns =
      static_cast<std::uint64_t>(real.tv_sec) * kSecond + static_cast<std::uint64_t>(real.tv_nsec);
  const std::uint64_t then_ns =
      monotonic_ns <= now ? real_ns - (now - monotonic_ns) : real_ns + (monotonic_ns - now);
  const auto then = static_cast<time_t>(then_ns / kSecond);
  tm parts{};
  localtime_r(&then, &parts);
  std::array<char, 64> buffer{};
  const bool long_ago = monotonic_ns < now && now - monotonic_ns > 12 * kHour;
  std::size_t length = std::strftime(buffer.data(), buffer.size(), long_ago ? "%F %T" : "%T", &parts);
  length += static_cast<std::size_t>(std::snprintf(buffer.data() + length, buffer.size() - length, ".%03u",
                                                   static_cast<unsigned>(then_ns / kMilli % 1000)));
  return {buffer.data(), length};
}

std::string clean(std::string_view text) {
  return printable(text);
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return !continues(byte); }));
}

std::string fit(std::string_view text, std::size_t columns) {
  const std::size_t has = width(text);
  std::string out(text);
  if (has <= columns) return out.append(columns - has, ' ');
  if (columns == 0) return {};
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if (!continues(text[end]) && seen++ == columns - 1) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

bool wants_colour(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

std::string Paint::wrap(std::string_view code, std::string_view text) const {
  if (!on_) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string Paint::of_class(std::string_view klass, std::string_view text) const {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> colours = {{
      {"gaming", "1;35"},
      {"latency", "36"},
      {"interactive", "32"},
      {"batch", "33"},
      {"ai", "34"},
      {"vm", "1;34"},
      {"container", "1;36"},
      {"vectordb", "1;33"},
      {"kworker", "2"},
  }};
  for (const auto& [name, code] : colours)
    if (name == klass) return wrap(code, text);
  return std::string(text);
}

std::vector<std::size_t> Table::measure() const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_)
    for (std::size_t c = 0; c < row.size() && c < widths.size(); ++c)
      widths[c] = std::max(widths[c], width(row[c]));
  return widths;
}

std::string Table::pad(std::size_t column, const std::string& cell, std::size_t to, bool last) const {
  const std::string space(to - std::min(to, width(cell)), ' ');
  if (columns_[column] == Align::right) return space + cell;
  return last ? cell : cell + space;
}

const nlohmann::json& at(const nlohmann::json& object, std::string_view field) {
  static const nlohmann::json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(field);
  return found == object.end() ? nothing : *found;
}

std::string text_at(const nlohmann::json& object, std::string_view field) {
  const auto& value = at(object, field);
  return value.is_string() ? clean(value.get_ref<const std::string&>()) : std::string();
}

std::uint64_t number_at(const nlohmann::json& object, std::string_view field) {
  const auto& value = at(object, field);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

bool unknown_at(const nlohmann::json& object, std::string_view field) {
  return at(object, field).is_null();
}

}  // namespace vigil::ctl
