// SPDX-License-Identifier: GPL-2.0-only
//
// The one door to the log. A part of the program makes a Logger with its name and speaks in sentences, values
// last:
//
//   const log::Logger logger{"kernel"};
//   logger.info("attached in {} ms: {}", ms, ops_name);
//
// `info` is what an admin wants in the journal of a normal day, a dozen lines; what happens per event is
// `debug`. The same sentence (same format string; for message(), same text) comes at most ten times in ten
// seconds at `info` and above; what was left out is counted and said. Everything goes to stderr.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vigil::log {

enum class Level { trace, debug, info, warn, error, off };

// "trace", "debug", "info", "warn" (or "warning"), "error", "off".
std::optional<Level> parse_level(std::string_view name);

enum class Style {
  automatic,  // journal when stderr is connected to the journal, else terminal
  journal,    // "<6>kernel: …": the priority as systemd reads it, no time of its own
  terminal,   // "12:34:56.789 kernel: …", colour on a terminal unless NO_COLOR is set
};

// Before the first message; without it, `info` and automatic.
void start(Level level, Style style = Style::automatic);
void set_level(Level level);
Level level();
// Says what is still counted and not yet said. At the end of the program.
void flush();

// True when `fd` is the stream that systemd announced in $JOURNAL_STREAM ("device:inode").
bool is_journal_stream(const char* journal_stream, int fd);

class Logger {
 public:
  constexpr explicit Logger(std::string_view area) : area_(area) {}

  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    write(Level::debug, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    write(Level::info, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    write(Level::warn, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    write(Level::error, format, std::forward<Args>(args)...);
  }
  // A text made elsewhere (a library's message, an Error): not a format.
  void message(Level level, std::string_view text) const;

 private:
  template <typename... Args>
  void write(Level level, fmt::format_string<Args...> format, Args&&... args) const {
    if (!enabled(level)) return;
    const fmt::string_view key = format;
    emit(level, std::string_view(key.data(), key.size()), fmt::format(format, std::forward<Args>(args)...));
  }
  static bool enabled(Level level);
  void emit(Level level, std::string_view key, std::string_view text) const;

  std::string_view area_;
};

}  // namespace vigil::log
