// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/stream_cmd.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/handle.hpp"
#include "ctl/report_text.hpp"
#include "ctl/stop.hpp"
#include "ctl/text.hpp"

namespace vigil::ctl {

namespace {

using nlohmann::json;

// False when whoever reads our output went away, while nothing happens that would be written.
bool reader_is_there() {
  pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return poll(&out, 1, 0) <= 0 || (out.revents & (POLLERR | POLLNVAL)) == 0;
}

// `take` returns false to end.
int follow(const Options& options, Client& client, const std::function<bool(const std::string&)>& take) {
  std::string line;
  while (!stop_requested()) {
    // Whatever has come is shown at once, but in one piece.
    if (!client.has_line()) std::fflush(stdout);
    switch (client.next(line, std::nullopt)) {
      case Client::Next::line:
        // A write that Ctrl-C interrupted is no failure.
        if (!take(line)) return stop_requested() ? kDone : kFailed;
        break;
      case Client::Next::nothing:
        if (!reader_is_there()) return kDone;
        break;
      case Client::Next::ended:
        return report(options,
                      {kFailed, "unavailable", "The daemon ended the stream: it was stopped or restarted."});
    }
  }
  std::fflush(stdout);
  return kDone;
}

}  // namespace

int run_watch(const Options& options, bool all) {
  auto client = Client::connect(options.socket);
  if (!client) return report(options, client.error());
  catch_stop();
  const auto begun = client->call(wire::WatchCall{.all = all});
  if (!begun) return stop_requested() ? kDone : report(options, begun.error());
  const Paint paint(wants_colour(STDOUT_FILENO));
  return follow(options, *client, [&](const std::string& line) {
    if (options.json) {
      print(line + '\n');
    } else {
      const json event = json::parse(line, nullptr, false);
      if (!event.is_discarded()) print(event_text(event, paint));
    }
    return std::ferror(stdout) == 0;
  });
}

int run_record(const Options& options, const std::string& file) {
  auto client = Client::connect(options.socket);
  if (!client) return report(options, client.error());
  const bool to_stdout = file == "-";
  Handle<FILE, fclose> owned;
  if (!to_stdout) {
    owned.reset(std::fopen(file.c_str(), "we"));
    if (!owned) return report(options, {kFailed, "internal", Error::system("write " + file).message()});
  }
  FILE* out = to_stdout ? stdout : owned.get();
  catch_stop();
  const auto begun = client->call(wire::RecordCall{});
  if (!begun) return stop_requested() ? kDone : report(options, begun.error());
  // What the numbers in the events stand for, without which they cannot be replayed.
  const auto& header = at(*begun, "header");
  if (!header.is_object())
    return report(options,
                  {kFailed, "internal", "The daemon's recording has no header; it is of another version."});
  std::fputs(wire::format_line(header).c_str(), out);

  std::uint64_t lines = 0, lost = 0;
  int status = follow(options, *client, [&](const std::string& line) {
    // Not an event of the machine's, but the daemon telling that this program was too slow.
    if (line.find("\"where\":\"client\"") != std::string::npos) {
      const json told = json::parse(line, nullptr, false);
      if (text_at(told, "where") == "client" && text_at(told, "event") == "lost")
        lost += number_at(told, "count");
    } else {
      ++lines;
    }
    return std::fputs((line + '\n').c_str(), out) >= 0;
  });
  if (std::fflush(out) != 0 || std::ferror(out) != 0)
    return report(options, {kFailed, "internal", "The recording could not be written whole: " + file});
  if (lost > 0)
    status =
        report(options, {kFailed, "unavailable",
                         count(lost) + " events are missing from the recording: it was written too slowly."});
  if (to_stdout) return status;
  if (options.json)
    print_json({{"file", file}, {"events", lines}, {"lost", lost}});
  else
    print(count(lines) + (lines == 1 ? " event" : " events") + " recorded in " + file + ".\n");
  return status;
}

}  // namespace vigil::ctl
