// SPDX-License-Identifier: GPL-2.0-only
#include "app/lines.hpp"

#include <nlohmann/json.hpp>

#include "wire/protocol.hpp"
#include "wire/reports.hpp"

namespace vigil::app {

using nlohmann::json;

std::string_view cause_name(Cause cause) {
  switch (cause) {
    case Cause::none: break;
    case Cause::fork: return "fork";
    case Cause::exec: return "exec";
    case Cause::exit: return "exit";
    case Cause::rename: return "rename";
    case Cause::cgroup_attach: return "cgroup_attach";
    case Cause::snapshot: return "snapshot";
    case Cause::assign: return "assign";
    case Cause::storm: return "storm";
  }
  return "none";
}

std::string_view source_name(Source source) {
  switch (source) {
    case Source::kernel: break;
    case Source::daemon: return "daemon";
    case Source::user: return "user";
  }
  return "kernel";
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::user: return "user";
    case Level::thread: return "thread";
    case Level::image: return "image";
    case Level::cgroup: return "cgroup";
    case Level::ancestry: return "ancestry";
    case Level::none: break;
  }
  return "";
}

std::string verdict_line(const PublishVerdict& verdict, const RuleBook& book, std::string_view title) {
  wire::VerdictLine line;
  line.t_ns = verdict.at_ns;
  line.pid = verdict.pid;
  line.tgid = verdict.tgid;
  line.comm = verdict.comm;
  line.klass = verdict.klass;
  line.kind = book.kind_name(verdict.kind);
  const auto rule = book.rule_name(verdict.rule, verdict.profile);
  line.rule = rule;
  line.source = source_name(verdict.source);
  line.decided_after_ns = verdict.decided_after_ns;
  if (verdict.hook_ns) line.hook_ns = verdict.hook_ns;
  const auto profile = book.profile_name(verdict.profile);
  line.profile = profile;
  if (verdict.appid) line.steam_appid = verdict.appid;
  line.title = title;
  return wire::format_line(wire::to_json(line));
}

std::string task_line(const TaskEvent& event) {
  json line = {{"event", cause_name(event.kind)},
               {"t_ns", event.at_ns},
               {"pid", event.verdict.pid},
               {"tgid", event.verdict.key.tgid},
               {"ppid", event.ppid},
               {"comm", event.comm},
               {"class", to_string(event.verdict.klass)}};
  if (event.kind == Cause::exec) line["exe"] = event.exe;
  if (event.kind == Cause::fork) line["thread"] = event.new_thread;
  return wire::format_line(line);
}

std::string cgroup_line(const CgroupEvent& event) {
  return wire::format_line({{"event", event.kind == CgroupEvent::Kind::rmdir ? "cgroup_rmdir" : "cgroup_mkdir"},
                            {"t_ns", event.at_ns},
                            {"id", event.id.v},
                            {"path", event.path},
                            {"class", event.decision.rule ? json(to_string(event.decision.klass)) : json(nullptr)}});
}

std::string lost_line(std::uint64_t now, const PublishLost& lost) {
  return wire::format_line({{"event", "lost"}, {"t_ns", now}, {"count", lost.count}, {"resynced", lost.resynced}});
}

std::string device_line(std::uint64_t now, const topology::DeviceEvent& event) {
  return wire::format_line({{"event", "device"},
                            {"t_ns", now},
                            {"subsystem", event.subsystem},
                            {"action", event.action},
                            {"name", event.name},
                            {"detail", event.detail.empty() ? json(nullptr) : json(event.detail)}});
}

std::string topology_line(std::uint64_t now, std::string_view what, std::uint64_t in_force_after_ns, std::uint32_t writes) {
  return wire::format_line({{"event", "topology"}, {"t_ns", now}, {"what", what}, {"in_force_after_ns", in_force_after_ns}, {"writes", writes}});
}

std::string scheduler_line(std::uint64_t now, std::string_view state, std::string_view reason) {
  return wire::format_line({{"event", "scheduler"}, {"t_ns", now}, {"state", state}, {"reason", reason}});
}

}  // namespace vigil::app
