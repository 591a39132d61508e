// SPDX-License-Identifier: GPL-2.0-only
//
// Text for people: durations, counts, tables, and colour where it is welcome. Everything a process may have
// chosen (names, paths) goes through clean() before it reaches a terminal.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::ctl {

// "0 s", "850 ns", "2.1 µs", "12 ms", "3.4 s", "2 min 5 s", "2 h 14 min", "3 d 4 h".
std::string duration(std::uint64_t ns);
// "1,234,567"
std::string count(std::uint64_t number);
// The time of day of a CLOCK_MONOTONIC stamp, "12:34:56.789"; of one long ago, with the date.
std::string time_of_day(std::uint64_t monotonic_ns);
// Control and invalid bytes made visible.
std::string clean(std::string_view text);
// Columns the text takes: code points, no more.
std::size_t width(std::string_view text);
// Cut to `columns` with an ellipsis, or filled with spaces.
std::string fit(std::string_view text, std::size_t columns);

// Colour only on a terminal that is not dumb and only without NO_COLOR.
bool wants_colour(int fd);

class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  std::string bold(std::string_view text) const { return wrap("1", text); }
  std::string dim(std::string_view text) const { return wrap("2", text); }
  std::string good(std::string_view text) const { return wrap("32", text); }
  std::string warn(std::string_view text) const { return wrap("33", text); }
  std::string bad(std::string_view text) const { return wrap("31", text); }
  // Each class has its colour, everywhere.
  std::string of_class(std::string_view klass, std::string_view text) const;
  bool on() const { return on_; }

 private:
  std::string wrap(std::string_view code, std::string_view text) const;
  bool on_;
};

// Columns as wide as their widest cell, two spaces between them. Numbers to the right.
class Table {
 public:
  enum class Align { left, right };
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}

  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // `paint(row, column, padded)` may colour a padded cell.
  template <typename PaintCell>
  std::string format(std::string_view indent, PaintCell paint) const {
    const auto widths = measure();
    std::string out;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      std::string line(indent);
      for (std::size_t c = 0; c < rows_[r].size(); ++c) {
        if (c > 0) line += "  ";
        line += paint(r, c, pad(c, rows_[r][c], widths[c], c + 1 == rows_[r].size()));
      }
      out += line;
      out += '\n';
    }
    return out;
  }
  std::string format(std::string_view indent = "") const {
    return format(indent, [](std::size_t, std::size_t, const std::string& cell) { return cell; });
  }

 private:
  std::vector<std::size_t> measure() const;
  std::string pad(std::size_t column, const std::string& cell, std::size_t to, bool last) const;
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Reading a daemon's answer without trusting its shape: what is absent or of another kind is empty, or zero.
std::string text_at(const nlohmann::json& object, std::string_view field);
std::uint64_t number_at(const nlohmann::json& object, std::string_view field);
// Null or absent.
bool unknown_at(const nlohmann::json& object, std::string_view field);
const nlohmann::json& at(const nlohmann::json& object, std::string_view field);

}  // namespace vigil::ctl
