// SPDX-License-Identifier: GPL-2.0-only
//
// Process events and verdicts without BPF: the proc connector tells, /proc is read once for what it told, the compiled rules
// decide here. What the daemon does with an event is the same as with one of the kernel half.
//
// Lost beside the kernel half: a verdict comes after the first instructions have run, moves between cgroups are seen at the next
// exec, and nothing reaches a scheduler.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/rule_book.hpp"
#include "base/result.hpp"
#include "core/engine/user_classifier.hpp"
#include "core/event.hpp"
#include "edge/netlink/proc_connector.hpp"
#include "edge/procfs/image_reader.hpp"
#include "loop/loop.hpp"

namespace vigil::app {

class ConnectorSource {
 public:
  using OnEvent = std::function<void(const Event&)>;

  // `book` is borrowed and may be replaced in place: then call rules_changed(). Events come from the loop only.
  static Result<std::unique_ptr<ConnectorSource>> create(loop::Loop& loop, const std::string& proc_root, const RuleBook& book,
                                                         OnEvent on_event);

  // Looks at every process once and tells what has something to say; the number of them all.
  std::uint32_t snapshot();
  void rules_changed() { classifier_.use(book_.compiled); }
  // Someone watches: tell of forks and exits of processes that nothing is known of, too.
  void set_stream_all(bool on) { stream_all_ = on; }

  // What was just read of this process for an exec event, so that it need not be read twice.
  std::optional<ProcessFacts> facts(const ProcKey& key) const;
  bool assign(const ProcKey& key, Level level, const Decision& decision, std::uint32_t appid, std::uint64_t event_ns);
  std::optional<TaskVerdict> verdict(std::uint32_t pid, std::uint32_t tgid) const { return classifier_.verdict(pid, tgid); }
  std::array<std::uint32_t, kWorkloadClassCount> count_classes() const { return classifier_.count(); }

  // By ProcEvent::Kind. `overruns`: times the socket's buffer was full; how many events that cost is not told.
  struct Counters {
    std::array<std::uint64_t, 4> seen{};
    std::uint64_t overruns = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  ConnectorSource(const std::string& proc_root, const RuleBook& book, OnEvent on_event)
      : book_(book), on_event_(std::move(on_event)), reader_(proc_root) {}
  void on(const edge::ProcEvent& event);
  void on_fork(const edge::ProcEvent& event);
  void on_rename(const edge::ProcEvent& event);

  const RuleBook& book_;
  OnEvent on_event_;
  edge::ImageReader reader_;
  UserClassifier classifier_;
  Counters counters_;
  bool stream_all_ = false;
  std::optional<ProcessImage> last_;  // what was read for the event that is being told
  std::optional<edge::ProcConnector> connector_;
};

}  // namespace vigil::app
