// SPDX-License-Identifier: GPL-2.0-only
#include "log/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "log/repeats.hpp"

namespace vigil::log {

namespace {

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::trace:
      return spdlog::level::trace;
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

// "<6>": see sd-daemon(3). One line of the journal is one line of ours.
class JournalFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    std::string_view text(message.payload.data(), message.payload.size());
    do {
      const auto newline = text.find('\n');
      const auto line = text.substr(0, newline);
      fmt::format_to(std::back_inserter(out), "<{}>{}: {}\n", priority(message.level),
                     std::string_view(message.logger_name.data(), message.logger_name.size()), line);
      text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    } while (!text.empty());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JournalFormatter>(); }

 private:
  static int priority(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return 3;
    if (level == spdlog::level::warn) return 4;
    return level == spdlog::level::info ? 6 : 7;
  }
};

struct Door {
  std::shared_ptr<spdlog::sinks::sink> sink;
  Level level = Level::info;
  Repeats repeats;

  void write(Level at, std::string_view area, std::string_view text) {
    const spdlog::details::log_msg message(spdlog::string_view_t(area.data(), area.size()), native(at),
                                           spdlog::string_view_t(text.data(), text.size()));
    sink->log(message);
    sink->flush();
  }
};

std::shared_ptr<spdlog::sinks::sink> make_sink(Style style) {
  if (style == Style::automatic)
    style =
        is_journal_stream(std::getenv("JOURNAL_STREAM"), STDERR_FILENO) ? Style::journal : Style::terminal;
  if (style == Style::journal) {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    sink->set_formatter(std::make_unique<JournalFormatter>());
    return sink;
  }
  const char* no_color = std::getenv("NO_COLOR");
  const bool plain = no_color != nullptr && *no_color != '\0';
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_st>(
      plain ? spdlog::color_mode::never : spdlog::color_mode::automatic);
  // The colour says the level on a terminal; the word says it where there is no colour.
  sink->set_pattern("%H:%M:%S.%e %^%l%$ %n: %v");
  return sink;
}

Door& door() {
  static Door the_door{.sink = make_sink(Style::automatic), .level = Level::info, .repeats = {}};
  return the_door;
}

// Part of the key, so that two parts' common phrases are counted apart.
std::string key_of(std::string_view area, std::string_view key) {
  std::string whole(area);
  whole += ": ";
  whole += key;
  return whole;
}

void tell(Door& to, const std::vector<Repeats::Held>& held) {
  for (const auto& each : held) {
    const auto area = std::string_view(each.key).substr(0, each.key.find(": "));
    to.write(Level::info, area,
             fmt::format("{} more like this were not shown, the last: {}", each.count, each.last));
  }
}

}  // namespace

std::optional<Level> parse_level(std::string_view name) {
  if (name == "trace") return Level::trace;
  if (name == "debug") return Level::debug;
  if (name == "info") return Level::info;
  if (name == "warn" || name == "warning") return Level::warn;
  if (name == "error") return Level::error;
  if (name == "off") return Level::off;
  return std::nullopt;
}

void start(Level level, Style style) {
  door().level = level;
  door().sink = make_sink(style);
}

void set_level(Level level) {
  door().level = level;
}
Level level() {
  return door().level;
}

void flush() {
  if (door().level != Level::off) tell(door(), door().repeats.take_all());
}

bool is_journal_stream(const char* journal_stream, int fd) {
  if (journal_stream == nullptr) return false;
  const auto parts = split(journal_stream, ':');
  if (parts.size() != 2) return false;
  const auto device = parse_number<std::uint64_t>(parts[0]);
  const auto inode = parse_number<std::uint64_t>(parts[1]);
  struct stat st {};
  if (!device || !inode || fstat(fd, &st) != 0) return false;
  return *device == st.st_dev && *inode == st.st_ino;
}

void Logger::message(Level level, std::string_view text) const {
  if (enabled(level)) emit(level, text, text);
}

bool Logger::enabled(Level level) {
  return level >= door().level && level != Level::off;
}

void Logger::emit(Level level, std::string_view key, std::string_view text) const {
  Door& to = door();
  // Whoever asks for debug wants every one of them.
  if (level >= Level::info && to.level >= Level::info) {
    const std::uint64_t now = monotonic_now();
    tell(to, to.repeats.take_over(now));
    if (!to.repeats.admit(key_of(area_, key), text, now)) return;
  }
  to.write(level, area_, text);
}

}  // namespace vigil::log
