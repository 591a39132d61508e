// SPDX-License-Identifier: GPL-2.0-only
#include "wire/reports.hpp"

#include <nlohmann/json.hpp>

namespace vigil::wire {

namespace {

using nlohmann::json;

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json text_or_null(std::string_view text) {
  return text.empty() ? json(nullptr) : json(text);
}

}  // namespace

json to_json(const StatusReport& report) {
  json classes = json::object();
  for (const auto& count : report.classes)
    classes[std::string(to_string(count.klass))] = {{"processes", count.processes},
                                                    {"tasks", or_null(count.tasks)}};
  json events = json::object();
  std::uint64_t lost = 0;
  for (const auto& count : report.events) {
    events[count.event] = {{"seen", count.seen}, {"reported", count.reported}, {"lost", count.lost}};
    lost += count.lost;
  }
  json ejections = json::array();
  for (const auto& each : report.ejections)
    ejections.push_back({{"t_ns", each.t_ns},
                         {"ops", each.ops},
                         {"reason", each.reason},
                         {"message", text_or_null(each.message)}});
  json profiles = json::array();
  for (const auto& each : report.profiles)
    profiles.push_back({{"name", each.name}, {"why", each.why}, {"processes", each.processes}, {"mode", or_null(each.mode)}});
  json games = json::array();
  for (const auto& each : report.games)
    games.push_back({{"pid", each.pid}, {"steam_appid", or_null(each.steam_appid)}, {"title", or_null(each.title)}});
  json storms = json::array();
  for (const auto& each : report.storms)
    storms.push_back({{"pid", each.pid},
                      {"execs", each.execs},
                      {"forks", each.forks},
                      {"hushed", each.hushed},
                      {"began_ns", each.began_ns},
                      {"over", each.over}});
  json tuning_changes = json::array();
  for (const auto& change : report.tuning_changes)
    tuning_changes.push_back({{"name", change.name}, {"from", change.from}, {"to", change.to}});
  json profile = nullptr;
  if (!report.profiles.empty()) profile = {{"name", report.profiles.back().name}, {"why", report.profiles.back().why}};
  json power = nullptr;
  if (report.power) {
    json gpus = json::array(), held = json::array();
    for (const auto& gpu : report.power->gpus)
      gpus.push_back({{"address", gpu.address}, {"state", gpu.state}, {"since_ns", gpu.since_ns}});
    for (const auto& each : report.power->held) held.push_back({{"path", each.path}, {"was", each.was}, {"is", each.is}});
    power = {{"source", or_null(report.power->source)},
             {"platform_profile", or_null(report.power->platform_profile)},
             {"power_profile", or_null(report.power->power_profile)},
             {"x3d_mode", or_null(report.power->x3d_mode)},
             {"saves", report.power->saves},
             {"why", text_or_null(report.power->why)},
             {"gpus", std::move(gpus)},
             {"held", std::move(held)}};
  }
  return {{"version", report.version},
          {"pid", report.pid},
          {"mode", report.mode},
          {"requested_mode", report.requested_mode},
          {"ops", or_null(report.ops)},
          {"policy", report.policy},
          {"why_not_more", or_null(report.why_not_more)},
          {"returns_at_ns", or_null(report.returns_at_ns)},
          {"now_ns", report.now_ns},
          {"uptime_ns", report.now_ns - report.started_ns},
          {"ready_after_ns", report.ready_after_ns},
          {"tuning",
           {{"mode", to_string(report.tuning)},
            {"in_force", to_string(report.tuning_in_force)},
            {"changes", std::move(tuning_changes)}}},
          {"classes", std::move(classes)},
          {"events", std::move(events)},
          {"lost", lost},
          {"games", std::move(games)},
          {"storms", std::move(storms)},
          {"resyncs", report.resyncs},
          {"ejections", std::move(ejections)},
          {"profile", std::move(profile)},
          {"profiles", std::move(profiles)},
          {"profile_for_games", or_null(report.profile_for_games)},
          {"rules", {{"count", report.rules}, {"files", report.rule_files}}},
          {"degraded", report.degraded},
          {"memory", report.memory ? to_json(*report.memory) : json(nullptr)},
          {"power", std::move(power)},
          {"simulated", report.simulated}};
}

json to_json(const ExplainReport& report) {
  json considered = json::array();
  for (const auto& one : report.considered)
    considered.push_back({{"rule", one.rule},
                          {"class", one.klass ? json(to_string(*one.klass)) : json(nullptr)},
                          {"level", one.level},
                          {"held", one.held},
                          {"why", one.why}});
  json container = nullptr;
  if (report.container)
    container = {{"runtime", report.container->runtime}, {"id", report.container->id}, {"pod", text_or_null(report.container->pod)}};
  return {{"pid", report.pid},
          {"tgid", report.tgid},
          {"ppid", report.ppid},
          {"comm", report.comm},
          {"class", to_string(report.klass)},
          {"kind", or_null(report.kind)},
          {"source", report.source},
          {"rule", or_null(report.rule)},
          {"evidence", report.evidence},
          {"level", or_null(report.level)},
          {"event", or_null(report.event)},
          {"event_ns", or_null(report.event_ns)},
          {"decided_after_ns", or_null(report.decided_after_ns)},
          {"hook_ns", or_null(report.hook_ns)},
          {"inherited_from", or_null(report.inherited_from)},
          {"profile", or_null(report.profile)},
          {"steam_appid", or_null(report.steam_appid)},
          {"cgroup", or_null(report.cgroup)},
          {"tasks", or_null(report.tasks)},
          {"cpu_preference", or_null(report.cpu_preference)},
          {"memory", report.memory ? to_json(*report.memory) : json(nullptr)},
          {"simulated", report.simulated},
          {"title", or_null(report.title)},
          {"profile_why", or_null(report.profile_why)},
          {"container", std::move(container)},
          {"considered", std::move(considered)},
          {"truncated", report.truncated}};
}

json to_json(const VerdictLine& line) {
  return {{"event", "verdict"},
          {"t_ns", line.t_ns},
          {"pid", line.pid},
          {"tgid", line.tgid},
          {"comm", line.comm},
          {"class", to_string(line.klass)},
          {"kind", text_or_null(line.kind)},
          {"rule", text_or_null(line.rule)},
          {"source", line.source},
          {"decided_after_ns", or_null(line.decided_after_ns)},
          {"hook_ns", or_null(line.hook_ns)},
          {"profile", text_or_null(line.profile)},
          {"steam_appid", or_null(line.steam_appid)},
          {"title", text_or_null(line.title)}};
}

}  // namespace vigil::wire
