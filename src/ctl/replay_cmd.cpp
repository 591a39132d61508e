// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/replay_cmd.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/handle.hpp"
#include "ctl/report_text.hpp"
#include "ctl/text.hpp"
#include "wire/recording.hpp"
#include "wire/reports.hpp"

namespace vigil::ctl {

namespace {

using nlohmann::json;

// A day's recording; more is a mistake in the file's name.
constexpr std::size_t kLargest = std::size_t{1} << 30;

Result<std::string> content_of(const std::string& file) {
  Handle<FILE, fclose> owned;
  if (file != "-") {
    owned.reset(std::fopen(file.c_str(), "re"));
    if (!owned) return fail_system("read " + file);
  }
  FILE* in = file == "-" ? stdin : owned.get();
  std::string text;
  std::array<char, 65536> chunk;
  for (std::size_t got = 0; (got = std::fread(chunk.data(), 1, chunk.size(), in)) > 0;) {
    text.append(chunk.data(), got);
    if (text.size() > kLargest) return fail("read " + file + ": it is larger than 1 GiB");
  }
  if (std::ferror(in) != 0) return fail_system("read " + file, EIO);
  return text;
}

std::string_view name_at(const std::vector<std::string>& names, std::size_t index) {
  return index < names.size() ? std::string_view(names[index]) : std::string_view();
}

std::string_view source_name(Source source) {
  if (source == Source::user) return "user";
  return source == Source::daemon ? "daemon" : "kernel";
}

json verdict_json(const PublishVerdict& verdict, const wire::RecordingHeader& names) {
  const auto rule = names.rule_name(verdict.rule, verdict.profile);
  const auto profile = names.profile_name(verdict.profile);
  return to_json(
      wire::VerdictLine{.t_ns = verdict.at_ns,
                        .pid = verdict.pid,
                        .tgid = verdict.tgid,
                        .comm = verdict.comm,
                        .klass = verdict.klass,
                        .kind = verdict.kind == 0 ? std::string_view() : name_at(names.kinds, verdict.kind),
                        .rule = rule,
                        .source = source_name(verdict.source),
                        .decided_after_ns = verdict.decided_after_ns,
                        .hook_ns = verdict.hook_ns ? std::optional(verdict.hook_ns) : std::nullopt,
                        .profile = profile});
}

json lost_json(const PublishLost& lost, std::uint64_t now) {
  return {{"event", "lost"}, {"t_ns", now}, {"count", lost.count}, {"resynced", lost.resynced}};
}

}  // namespace

int run_replay(const Options& options, const std::string& file) {
  const auto text = content_of(file);
  if (!text) return report(options, {kFailed, "not_found", text.error().message()});
  const auto recording = wire::parse_recording(*text);
  if (!recording) return report(options, {kFailed, "bad_request", file + ": " + recording.error().message()});
  const Paint paint(wants_colour(STDOUT_FILENO));
  const std::uint64_t begin = recording->events.empty() ? 0 : recording->events.front().now_ns;

  // The recording is of another time, perhaps of another machine: since its start, not the time of day.
  const auto show = [&](const json& event) {
    const auto t_ns = number_at(event, "t_ns");
    print(options.json ? wire::format_line(event)
                       : event_text(event, paint, fit("+" + duration(t_ns > begin ? t_ns - begin : 0), 12)));
  };
  wire::Replay replay;
  for (const auto& event : recording->events)
    for (const auto& action : replay.step(event)) {
      if (const auto* verdict = std::get_if<PublishVerdict>(&action))
        show(verdict_json(*verdict, recording->header));
      if (const auto* lost = std::get_if<PublishLost>(&action)) show(lost_json(*lost, event.now_ns));
    }
  return kDone;
}

}  // namespace vigil::ctl
