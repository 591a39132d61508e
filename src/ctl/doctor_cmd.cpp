// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/doctor_cmd.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "ctl/doctor.hpp"
#include "ctl/text.hpp"

namespace vigil::ctl {

namespace {

using nlohmann::json;

json to_json(const Finding& finding) {
  return {{"level", finding.level == Finding::Level::problem ? "problem" : "advice"},
          {"id", finding.id},
          {"what", finding.what},
          {"do", finding.todo}};
}

void print_finding(const Finding& finding, const Paint& paint) {
  const bool problem = finding.level == Finding::Level::problem;
  print((problem ? paint.bad("problem") : paint.warn("advice ")) + "  " + clean(finding.what) + '\n');
  if (!finding.todo.empty()) print("         " + paint.dim(clean(finding.todo)) + '\n');
}

}  // namespace

int run_doctor(const Options& options) {
  const auto findings = examine(read_machine());
  const auto status = ask(options, wire::StatusCall{});
  const json degraded = status ? at(*status, "degraded") : json();
  if (options.json) {
    json list = json::array();
    for (const auto& finding : findings) list.push_back(to_json(finding));
    print_json({{"findings", std::move(list)},
                {"daemon", status ? json({{"mode", at(*status, "mode")},
                                          {"why_not_more", at(*status, "why_not_more")},
                                          {"degraded", degraded}})
                                  : json()}});
    return kDone;
  }
  const Paint paint(wants_colour(STDOUT_FILENO));
  for (const auto& finding : findings) print_finding(finding, paint);
  if (!status) {
    print(paint.dim(status.error().status == kNoDaemon
                        ? "No daemon is running, so it was not asked.\n"
                        : "The daemon was not asked: " + status.error().message + "\n"));
    if (findings.empty()) print(paint.good("Nothing to better was found.\n"));
    return kDone;
  }
  if (const auto why = text_at(*status, "why_not_more"); !why.empty())
    print("The daemon says: " + why + '\n');
  if (degraded.is_array())
    for (const auto& sentence : degraded)
      if (sentence.is_string()) print("The daemon says: " + clean(sentence.get<std::string>()) + '\n');
  if (findings.empty() && degraded.empty()) print(paint.good("Nothing to better was found.\n"));
  return kDone;
}

}  // namespace vigil::ctl
