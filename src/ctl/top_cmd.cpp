// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/top_cmd.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.hpp"
#include "ctl/report_text.hpp"
#include "ctl/stop.hpp"
#include "ctl/text.hpp"
#include "wire/metrics.hpp"

namespace vigil::ctl {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenFrames{300};
constexpr std::size_t kVerdictsKept = 500;

// The other screen, without cursor, keys unechoed; all of it put back whatever ends the program.
class Terminal {
 public:
  Terminal() {
    if (isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before_) == 0) {
      termios raw = before_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      raw.c_cc[VMIN] = 0;
      raw.c_cc[VTIME] = 0;
      keys_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    put("\x1b[?1049h\x1b[?25l");
  }
  ~Terminal() {
    put("\x1b[?25h\x1b[?1049l");
    if (keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool has_keys() const { return keys_; }

  static std::pair<std::size_t, std::size_t> size() {
    winsize now{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) != 0 || now.ws_row == 0 || now.ws_col == 0) return {24, 80};
    return {now.ws_row, now.ws_col};
  }

  // Whole frames, each line cleared to its end, so that nothing flickers.
  static void draw(const std::string& frame) {
    const auto [rows, columns] = size();
    std::string out = "\x1b[H";
    std::size_t row = 0;
    for (const auto line : split(frame, '\n')) {
      if (row == rows) break;
      if (row++ > 0) out += "\r\n";
      out += cut(line, columns);
      out += "\x1b[0m\x1b[K";
    }
    out += "\x1b[J";
    put(out);
  }

 private:
  static void put(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }
  // At most `columns` wide; colours take no room.
  static std::string cut(std::string_view line, std::size_t columns) {
    std::string out;
    std::size_t used = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\x1b') {
        const auto end = line.find('m', i);
        if (end == std::string_view::npos) break;
        out += line.substr(i, end - i + 1);
        i = end;
        continue;
      }
      const bool continues = (static_cast<unsigned char>(line[i]) & 0xc0) == 0x80;
      if (!continues && used++ == columns) break;
      out += line[i];
    }
    return out;
  }

  termios before_{};
  bool keys_ = false;
};

// How long tasks of each class waited to run, where the daemon measures it.
std::string latencies(const json& stats, const Paint& paint) {
  const auto metrics = wire::metrics_from_json(stats);
  if (!metrics) return {};
  for (const auto& metric : metrics->list()) {
    if (metric.type != wire::MetricType::histogram || metric.name.find("wakeup") == std::string::npos)
      continue;
    Table table({Table::Align::left, Table::Align::right, Table::Align::right});
    table.row({"waits to run", "p50 ≤", "p99 ≤"});
    for (const auto& sample : metric.samples) {
      const auto p50 = quantile_text(metric, sample, 0.5);
      if (p50.empty()) continue;
      table.row({sample.labels.empty() ? "all" : clean(sample.labels[0].second), p50,
                 quantile_text(metric, sample, 0.99)});
    }
    return '\n' + table.format("  ", [&](std::size_t row, std::size_t column, const std::string& cell) {
      if (row == 0) return paint.dim(cell);
      return column == 0 ? paint.of_class(std::string(trim_space(cell)), cell) : cell;
    });
  }
  return {};
}

std::string summary(const json& status, const json& stats, const Paint& paint) {
  std::string out = headline(status, paint);
  const auto why = text_at(status, "why_not_more");
  if (!why.empty()) out += "  " + paint.dim(why) + '\n';
  const auto lost = number_at(status, "lost");
  out += "  up " + duration(number_at(status, "uptime_ns")) + "   lost " +
         (lost == 0 ? paint.good("nothing") : paint.warn(count(lost) + " events")) + "   ejected " +
         (at(status, "ejections").empty() ? paint.good("never")
                                          : paint.bad(count(at(status, "ejections").size()) + "×"));
  if (const auto& profiles = at(status, "profiles"); profiles.is_array() && !profiles.empty()) {
    out += profiles.size() == 1 ? "   profile" : "   profiles";
    for (const auto& profile : profiles) out += (&profile == &profiles.front() ? " " : ", ") + text_at(profile, "name");
  }
  out += "\n\n" + classes_text(status, paint) + latencies(stats, paint);
  return out;
}

struct View {
  json status, stats;
  std::deque<std::string> verdicts;  // newest first, worded

  std::string frame(const Paint& paint, std::size_t rows) const {
    std::string out = summary(status, stats, paint) + '\n' + paint.dim("latest verdicts (q ends)") + '\n';
    const auto used = static_cast<std::size_t>(std::ranges::count(out, '\n'));
    for (std::size_t i = 0; i < verdicts.size() && used + i < rows; ++i) out += verdicts[i];
    return out;
  }
};

tl::expected<void, Failure> refresh(Client& client, View& view) {
  auto status = client.call(wire::StatusCall{});
  if (!status) return tl::unexpected(status.error());
  view.status = std::move(*status);
  auto stats = client.call(wire::StatsCall{});
  // Figures are a bonus here.
  view.stats = stats ? std::move(*stats) : json();
  return {};
}

int snapshot(const Options& options, Client& client) {
  View view;
  if (const auto fresh = refresh(client, view); !fresh) return report(options, fresh.error());
  if (options.json)
    print_json({{"status", view.status}, {"stats", view.stats}});
  else
    print(summary(view.status, view.stats, Paint(wants_colour(STDOUT_FILENO))));
  return kDone;
}

bool quit_key() {
  char keys[64];
  const ssize_t got = read(STDIN_FILENO, keys, sizeof keys);
  return got > 0 &&
         std::string_view(keys, static_cast<std::size_t>(got)).find_first_of("qQ\x03") != std::string::npos;
}

// What ended it, or nothing when a person did.
std::optional<Failure> live(Client& asking, Client& following) {
  const Terminal terminal;
  const Paint paint(wants_colour(STDOUT_FILENO));
  View view;
  bool stale = true;
  auto drawn = Clock::now() - kBetweenFrames;
  while (!stop_requested()) {
    const auto since = Clock::now() - drawn;
    if (stale && since >= kBetweenFrames) {
      if (auto fresh = refresh(asking, view); !fresh) {
        if (stop_requested()) return std::nullopt;
        return fresh.error();
      }
      Terminal::draw(view.frame(paint, Terminal::size().first));
      drawn = Clock::now();
      stale = false;
      continue;
    }
    // Nothing new: as long as it takes. Something new, but too soon: until the frame is due.
    const int wait =
        stale ? static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(kBetweenFrames - since).count())
              : -1;
    pollfd sources[2] = {{.fd = following.fd(), .events = POLLIN, .revents = 0},
                         {.fd = terminal.has_keys() ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}};
    if (poll(sources, 2, wait) < 0 && errno != EINTR)
      return Failure{kFailed, "internal", Error::system("wait").message()};
    if (resized()) stale = true;
    if ((sources[1].revents & (POLLIN | POLLHUP)) != 0 && quit_key()) return std::nullopt;
    if (sources[0].revents == 0) continue;
    std::string line;
    do {
      const auto next = following.next(line, std::chrono::milliseconds{0});
      if (next == Client::Next::ended)
        return Failure{kFailed, "unavailable", "The daemon ended the stream: it was stopped or restarted."};
      if (next == Client::Next::nothing) break;
      const json event = json::parse(line, nullptr, false);
      if (event.is_discarded()) continue;
      view.verdicts.push_front(event_text(event, paint));
      if (view.verdicts.size() > kVerdictsKept) view.verdicts.pop_back();
      stale = true;
    } while (following.has_line());
  }
  return std::nullopt;
}

}  // namespace

int run_top(const Options& options) {
  auto asking = Client::connect(options.socket);
  if (!asking) return report(options, asking.error());
  if (options.json || isatty(STDOUT_FILENO) != 1) return snapshot(options, *asking);
  auto following = Client::connect(options.socket);
  if (!following) return report(options, following.error());
  catch_stop();
  if (const auto begun = following->call(wire::WatchCall{}); !begun) return report(options, begun.error());
  const auto ended = live(*asking, *following);
  return ended ? report(options, *ended) : kDone;
}

}  // namespace vigil::ctl
