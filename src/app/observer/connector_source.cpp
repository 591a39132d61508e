// SPDX-License-Identifier: GPL-2.0-only
#include "app/observer/connector_source.hpp"

#include <unistd.h>

#include <utility>

#include "base/clock.hpp"

namespace vigil::app {

using edge::ProcEvent;

Result<std::unique_ptr<ConnectorSource>> ConnectorSource::create(loop::Loop& loop, const std::string& proc_root,
                                                                 const RuleBook& book, OnEvent on_event) {
  std::unique_ptr<ConnectorSource> source(new ConnectorSource(proc_root, book, std::move(on_event)));
  source->rules_changed();
  auto connector = edge::ProcConnector::create(loop, {.event = [raw = source.get()](const ProcEvent& event) { raw->on(event); },
                                                      .overrun =
                                                          [raw = source.get()] {
                                                            ++raw->counters_.overruns;
                                                            // How many is not known; at least one.
                                                            raw->on_event_(LostEvents{1});
                                                          }});
  if (!connector) return fail(std::move(connector).error());
  source->connector_.emplace(std::move(*connector));
  return source;
}

std::uint32_t ConnectorSource::snapshot() {
  const auto now = monotonic_now();
  const auto images = reader_.read_all();
  classifier_.begin_visit();
  for (const auto& image : images) {
    auto event = classifier_.found(image, now);
    if (event.verdict.klass == WorkloadClass::regular && !(event.verdict.flags & Decision::kRefine)) continue;
    last_ = image;
    on_event_(event);
  }
  classifier_.end_visit();
  last_.reset();
  return static_cast<std::uint32_t>(images.size());
}

void ConnectorSource::on(const ProcEvent& event) {
  if (event.tgid == static_cast<std::uint32_t>(::getpid())) return;
  ++counters_.seen[static_cast<std::size_t>(event.kind)];
  switch (event.kind) {
    case ProcEvent::Kind::fork: return on_fork(event);
    case ProcEvent::Kind::rename: return on_rename(event);
    case ProcEvent::Kind::exit:
      if (event.pid != event.tgid) return classifier_.on_thread_exit(event.pid);
      on_event_(classifier_.on_exit(event.tgid, event.at_ns));
      return;
    case ProcEvent::Kind::exec: {
      last_ = reader_.read(event.tgid);
      if (!last_) return;  // gone already: its exit is the next event
      on_event_(classifier_.on_exec(*last_, event.at_ns, monotonic_now()));
      last_.reset();
      return;
    }
  }
}

void ConnectorSource::on_fork(const ProcEvent& event) {
  if (event.pid != event.tgid) return;  // a thread is what its process is
  ProcKey key{event.tgid, 0};
  // When it started is asked only where its class has to be remembered; all others tell at their exec.
  if (stream_all_ || classifier_.hands_down(event.parent))
    if (const auto child = reader_.identify(event.tgid)) key = child->key;
  auto told = classifier_.on_fork(event.parent, key, event.at_ns, monotonic_now());
  if (key.start_ns) on_event_(std::move(told));
}

void ConnectorSource::on_rename(const ProcEvent& event) {
  if (!stream_all_ && !classifier_.rename_matters(event.pid, event.tgid, event.comm)) {
    classifier_.rename_only(event.pid, event.tgid, event.comm);
    return;
  }
  if (classifier_.rename_matters(event.pid, event.tgid, event.comm)) last_ = reader_.read(event.tgid);
  const ProcessImage* image = last_ ? &*last_ : nullptr;
  on_event_(classifier_.on_rename(event.pid, event.tgid, event.comm, image, event.at_ns, monotonic_now()));
  last_.reset();
}

std::optional<ProcessFacts> ConnectorSource::facts(const ProcKey& key) const {
  if (!last_ || last_->key != key) return std::nullopt;
  ProcessFacts out;
  out.key = key;
  out.exists = true;
  out.exe = last_->exe;
  out.argv = last_->argv;
  out.cgroup_path = last_->cgroup_path;
  if (book_.wants_environment) out.env = last_->env;
  return out;
}

bool ConnectorSource::assign(const ProcKey& key, Level level, const Decision& decision, std::uint32_t appid,
                             std::uint64_t event_ns) {
  return classifier_.assign(key, level, decision, appid, event_ns, monotonic_now());
}

}  // namespace vigil::app
