// SPDX-License-Identifier: GPL-2.0-only
//
// Where process events come from: the kernel half, or, where its programs cannot be loaded or a person wants none, the proc
// connector.
#include <array>

#include "app/daemon.hpp"
#include "wire/records.hpp"

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"vigil"};
constexpr std::array kNames = {"fork", "exec", "rename", "exit"};  // by edge::ProcEvent::Kind

}  // namespace

Result<void> Daemon::start_events() {
  if (options_.events == EventSource::connector) return start_connector("vigil.toml asks for no BPF programs (events = \"proc-connector\")");
  auto done = start_classifier();
  if (done || options_.events == EventSource::bpf) return done;
  if (options_.mode == RunMode::schedule) return done;
  const auto why = done.error().message();
  events_watch_.reset();
  classifier_.reset();
  if (auto other = start_connector("the BPF programs cannot be used (" + why + ")"); !other)
    return fail(why + "; and the fallback failed, too: " + other.error().message());
  return {};
}

Result<void> Daemon::start_connector(const std::string& why) {
  auto source = ConnectorSource::create(*loop_, options_.proc_root, book_, [this](const Event& event) { handle(event); });
  if (!source) return fail(std::move(source).error());
  why_connector_ = why + ", so processes are classified from netlink events: a verdict comes after the first instructions have run, "
                         "a move between cgroups is seen at the next exec, nothing reaches a scheduler, profiles have no effect, and every fork and exit "
                         "on the machine wakes the daemon.";
  kLog.warn("{}", why_connector_);
  connector_ = std::move(*source);
  resync();
  return {};
}

std::optional<TaskVerdict> Daemon::verdict_of(std::uint32_t pid, std::uint32_t tgid) const {
  if (connector_) return connector_->verdict(pid, tgid);
  const auto raw = classifier_->verdict(pid);
  if (!raw) return std::nullopt;
  return wire::decode_verdict(*raw);
}

void Daemon::count_by_connector(wire::StatusReport& out) const {
  const auto counts = connector_->count_classes();
  for (const auto klass : kWorkloadClasses) out.classes.push_back({klass, counts[static_cast<std::size_t>(klass)], std::nullopt});
  const auto& counters = connector_->counters();
  for (std::size_t i = 0; i < kNames.size(); ++i) out.events.push_back({kNames[i], counters.seen[i], counters.seen[i], 0});
}

void Daemon::count_by_connector(wire::Metrics& out) const {
  const auto& counters = connector_->counters();
  {
    auto seen = out.counter("events_seen", "Events that the proc connector told.");
    for (std::size_t i = 0; i < kNames.size(); ++i) seen.add(static_cast<double>(counters.seen[i]), {{"event", kNames[i]}});
  }
  out.counter("event_overruns", "Times the connector's buffer was full; made up for by looking at every process.")
      .add(static_cast<double>(counters.overruns));
  const auto counts = connector_->count_classes();
  auto processes = out.gauge("processes", "Processes by class.");
  for (const auto klass : kWorkloadClasses)
    processes.add(counts[static_cast<std::size_t>(klass)], {{"class", std::string(to_string(klass))}});
}

}  // namespace vigil::app
