// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/ask_cmd.hpp"

#include <unistd.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "ctl/report_text.hpp"
#include "ctl/text.hpp"
#include "wire/metrics.hpp"

namespace vigil::ctl {

namespace {

using nlohmann::json;

Paint stdout_paint() {
  return Paint(wants_colour(STDOUT_FILENO));
}

int show(const Options& options, const wire::Request& request,
         const std::function<std::string(const json&)>& word) {
  const auto answer = ask(options, request);
  if (!answer) return report(options, answer.error());
  if (options.json)
    print_json(*answer);
  else
    print(word(*answer));
  return kDone;
}

std::string profiles_text(const json& answer, const Paint& paint) {
  const auto& profiles = at(answer, "profiles");
  if (!profiles.is_array() || profiles.empty())
    return "There are no profiles. They are files in /etc/vigil/profiles.d.\n";
  std::string out;
  Table table({Table::Align::left, Table::Align::left, Table::Align::left, Table::Align::left});
  for (const auto& each : profiles)
    table.row({at(each, "active") == true ? "*" : "", text_at(each, "name"), text_at(each, "title"), text_at(each, "file")});
  out = table.format("", [&](std::size_t, std::size_t column, const std::string& cell) {
    return column == 3 ? paint.dim(cell) : cell;
  });
  if (const auto chosen = text_at(answer, "for_games"); !chosen.empty())
    out += "Every game has " + chosen + " until `vigilctl profile auto`.\n";
  return out;
}

std::string profile_text(const wire::ProfileCall& call, const json& answer, const Paint& paint) {
  if (call.action == wire::ProfileCall::Action::list) return profiles_text(answer, paint);
  if (call.action == wire::ProfileCall::Action::show) {
    std::string out = paint.bold(text_at(answer, "name")) + "  " + paint.dim(text_at(answer, "file")) + '\n';
    if (const auto& settings = at(answer, "settings"); settings.is_object())
      for (const auto& [name, value] : settings.items())
        out += "  " + fit(clean(name), 20) + ' ' +
               (value.is_string() ? clean(value.get<std::string>()) : clean(value.dump())) + '\n';
    if (const auto& here = at(answer, "here"); here.is_array())
      for (const auto& note : here)
        if (note.is_string()) out += "  " + fit("on this machine", 20) + ' ' + clean(note.get<std::string>()) + '\n';
    return out;
  }
  const auto active = text_at(answer, "active"), why = text_at(answer, "why");
  if (call.action == wire::ProfileCall::Action::use)
    return (active.empty() ? "No profile" : "Profile " + active) + (why.empty() ? "" : ": " + why) + ".\n";
  return (active.empty() ? "No profile is active" : "Profile " + active + " is active") +
         (why.empty() ? "" : ": " + why) + ".\n";
}

}  // namespace

int run_status(const Options& options) {
  return show(options, wire::StatusCall{},
              [](const json& status) { return status_text(status, stdout_paint()); });
}

int run_explain(const Options& options, std::uint32_t pid) {
  return show(options, wire::ExplainCall{.pid = pid},
              [](const json& explained) { return explain_text(explained, stdout_paint()); });
}

int run_class(const Options& options, const wire::ClassCall& call) {
  return show(options, call, [&](const json& answer) {
    const auto pid = std::to_string(call.pid);
    const auto klass = text_at(answer, "class");
    const auto tasks = number_at(answer, "tasks");
    std::string out = pid + " is now " + klass;
    if (tasks > 0) out += tasks == 1 ? " (1 task)" : " (" + count(tasks) + " tasks)";
    return out +
           (call.klass ? ", until it exits or `vigilctl class " + pid + " auto`.\n" : ", by the rules.\n");
  });
}

int run_mode(const Options& options, const wire::ModeCall& call) {
  return show(options, call, [](const json& answer) {
    const auto mode = text_at(answer, "mode"), in_force = text_at(answer, "in_force");
    return mode == in_force || in_force.empty() ? mode + '\n' : mode + ", which now means " + in_force + '\n';
  });
}

int run_profile(const Options& options, const wire::ProfileCall& call) {
  return show(options, call, [&](const json& answer) { return profile_text(call, answer, stdout_paint()); });
}

int run_stats(const Options& options, bool openmetrics) {
  const auto answer = ask(options, wire::StatsCall{});
  if (!answer) return report(options, answer.error());
  if (options.json && !openmetrics) {
    print_json(*answer);
    return kDone;
  }
  const auto metrics = wire::metrics_from_json(*answer);
  if (!metrics)
    return report(options, {kFailed, "internal",
                            "The daemon's figures are not understood: " + metrics.error().message()});
  print(openmetrics ? wire::format_openmetrics(*metrics) : stats_text(*metrics, stdout_paint()));
  return kDone;
}

}  // namespace vigil::ctl
