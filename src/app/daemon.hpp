// SPDX-License-Identifier: GPL-2.0-only
//
// The daemon: owns the loop, the edges and the engine; feeds events in and carries actions out. One thread.
//
// A start: rules, BPF objects, tracepoints, snapshot, scheduler, control socket, `ready`. From then on nothing happens
// unless an event does.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/games.hpp"
#include "app/machine/machine_watch.hpp"
#include "app/memory/memory_watch.hpp"
#include "app/devices/device_pushes.hpp"
#include "app/observer/connector_source.hpp"
#include "app/options.hpp"
#include "app/pmu/memory_counters.hpp"
#include "app/power/power_watch.hpp"
#include "app/rule_book.hpp"
#include "app/settings.hpp"
#include "app/storm_watch.hpp"
#include "base/result.hpp"
#include "core/engine/engine.hpp"
#include "core/engine/supervisor.hpp"
#include "edge/control/control_server.hpp"
#include "edge/control/scx_stats_server.hpp"
#include "edge/files/folder_watch.hpp"
#include "edge/kernel/classifier.hpp"
#include "edge/kernel/scheduler.hpp"
#include "edge/procfs/process_reader.hpp"
#include "edge/systemd/notify.hpp"
#include "loop/loop.hpp"
#include "loop/signal.hpp"
#include "loop/timer.hpp"
#include "loop/watch.hpp"
#include "wire/metrics.hpp"
#include "wire/reports.hpp"

namespace vigil::app {

class Daemon {
 public:
  // An error whose code is kConfigurationError is the user's to mend (options, configuration, rules); any other is a failure.
  static Result<std::unique_ptr<Daemon>> create(const CommandLine& line);
  ~Daemon();

  // Until SIGINT or SIGTERM: 0; 1 when it could not go on.
  int run();

 private:
  Daemon(CommandLine line, Options options)
      : line_(std::move(line)), options_(std::move(options)), procfs_(options_.proc_root), games_(procfs_, options_.proc_root) {}
  Result<void> start();
  Result<void> start_classifier();
  Result<void> start_events();
  Result<void> start_machine();
  void start_counters();
  void start_memory();
  Result<void> start_scheduler();
  Result<void> start_control();
  Result<void> start_signals();

  void on_events_ready();
  void on_record(std::span<const std::byte> record);
  void handle(const Event& event);
  std::string title_of(const PublishVerdict& verdict) const;  // "" unknown
  // The title of the profile that it matches, else what its process or Steam says.
  std::optional<std::string> game_title(std::uint32_t tgid, std::uint32_t appid, std::uint32_t inherited_from) const;
  void perform(const Actions& actions);
  void resync();
  void check_losses();
  void reload();
  void watch_rule_folders();
  void tell_of_ananicy() const;
  void on_rules_changed();
  Result<void> reload_settings();
  Result<void> read_settings_anew();
  std::string service_status() const;
  void announce_ready();

  // The scheduler's life: daemon_scheduler.cpp.
  void try_attach(const char* occasion, Rung rung = Rung::full);
  void try_again(const char* occasion);  // a person wants the full policy, if it does not run
  void on_return_timer();
  void wait_for_return();
  void without_scheduler();  // it has gone: who depends on it is told
  void on_scheduler_exit();
  // `fault`: it was its own, so the plain policy is tried.
  void on_scheduler_lost(const std::string& sentence, const std::string& message, bool fault);
  void apply_tunables();  // after a change of mode
  void serve_scx_stats();
  void tell_shortcomings(std::vector<std::string>& out) const;  // of what runs now
  void on_foreign_scheduler_change();
  // `replaces`: the name of ours whose place it is to take, if one is attached.
  Result<Scheduler> load_scheduler(const SchedTopology& topology, const std::string& replaces, Rung rung);
  SchedTopology sched_topology() const;
  // The CPU sets of the machine as it is now, and which of them classes ask for; returns how many sets were written.
  std::uint32_t push_cpu_sets(Scheduler& scheduler);

  // The machine changes: daemon_machine.cpp.
  void on_machine_settled(const Burst& burst);
  Result<std::uint32_t> tell_scheduler();
  void replace_scheduler(const SchedTopology& topology);
  void add_machine_metrics(wire::Metrics& out) const;
  SchedTunables tunables(const policy::CpuSets& sets) const;

  void on_sample_due();  // daemon_counters.cpp
  // Memory-bound processes: daemon_memory.cpp.
  void follow_memory(const Event& event);
  void follow_memory(const AssignClass& assigned);

  // Which mode is in force, and what follows from it: daemon_mode.cpp.
  struct ModeChoice {
    wire::Mode mode = wire::Mode::automatic;
    std::string why;
  };
  ModeChoice choose_mode() const;
  wire::Mode mode_in_force() const { return choose_mode().mode; }
  void settle_mode();  // something that a mode is chosen by may be another: tells and applies what differs
  void apply_mode(wire::Mode mode);

  // Answers to vigilctl: calls.cpp.
  edge::Reply answer(const wire::Request& request, const edge::Peer& peer);
  edge::Reply answer_explain(std::uint32_t pid);  // explain.cpp
  void explain_rules(const TaskVerdict& verdict, const edge::ProcessReader::Identity& identity, wire::ExplainReport& report) const;
  edge::Reply answer_class(const wire::ClassCall& call);
  void tell_of_assignment(const edge::ProcessReader::Identity& identity, const TaskVerdict& verdict);
  edge::Reply answer_mode(const wire::ModeCall& call);
  wire::StatusReport status();
  wire::Metrics metrics();

  // Power: daemon_power.cpp.
  void start_power();
  void on_machine_power();
  void recount_games();
  void watch_device_nodes();
  void on_device_opened(const OpenedPush& push);
  void report_power(wire::StatusReport& out) const;

  // Without the kernel half, from the proc connector: daemon_observer.cpp.
  Result<void> start_connector(const std::string& why);
  std::optional<TaskVerdict> verdict_of(std::uint32_t pid, std::uint32_t tgid) const;
  void count_by_connector(wire::StatusReport& out) const;
  void count_by_connector(wire::Metrics& out) const;

  // Profiles: daemon_profiles.cpp.
  void install_profiles(const RuleBook& book);
  bool perform_profile(const Action& action);  // true when it was one about profiles
  edge::Reply answer_profile(const wire::ProfileCall& call);
  edge::Reply use_profile(const wire::ProfileCall& call);
  std::vector<std::string> profile_notes(const policy::Profile& profile) const;  // what it comes to on this machine, now
  nlohmann::json profile_settings(const policy::Profile& profile) const;
  void report_profiles(wire::StatusReport& out) const;
  // The CPUs a task runs on first: its profile's, those near its memory, its class's. Nothing where it has no preference.
  std::optional<std::string> cpu_preference(const TaskVerdict& verdict, const std::optional<std::string>& near) const;

  void publish(edge::ControlServer::Kind kind, const std::string& line);

  CommandLine line_;  // what a reload settles again
  Options options_;
  std::uint64_t started_ns_ = 0;
  std::uint64_t ready_after_ns_ = 0;
  loop::Loop* loop_ = nullptr;
  std::optional<loop::Loop> owned_loop_;
  edge::ProcessReader procfs_;
  Games games_;  // after what it reads with
  edge::Notifier notifier_;
  RuleBook book_;
  policy::ProfileNumbers profile_numbers_;
  std::optional<std::uint16_t> profile_for_games_;  // a person's choice; 0: none
  Engine engine_;
  Refinement refined_;  // by the look that is under way
  Supervisor supervisor_;
  std::optional<Classifier> classifier_;
  std::unique_ptr<ConnectorSource> connector_;  // in its place
  std::string why_connector_;
  std::uint64_t lost_seen_ = 0;
  std::uint64_t lost_total_ = 0;

  std::unique_ptr<StormWatch> storms_;
  std::unique_ptr<PowerWatch> power_;
  std::unique_ptr<DevicePushes> pushes_;
  std::unique_ptr<MachineWatch> machine_;
  std::vector<std::string> machine_news_;  // of the burst at hand
  std::optional<SchedTopology> layout_in_doubt_;  // does not fit the scheduler, and was seen once
  std::uint64_t layout_doubted_ns_ = 0;           // ... when the last event of that burst came
  struct {
    std::uint64_t events = 0;        // announcements that cast doubt on something
    std::uint64_t changes = 0;       // looks that found something different
    std::uint64_t writes = 0;        // entries of the scheduler's maps
    std::uint64_t replacements = 0;  // schedulers loaded anew
    std::uint64_t last_ns = 0, longest_ns = 0;  // from a burst's last event to maps in force, where something was different
  } machine_figures_;
  std::unique_ptr<MemoryCounters> counters_;
  std::unique_ptr<MemoryWatch> memory_;

  std::optional<Scheduler> scheduler_;
  std::unique_ptr<edge::ScxStatsServer> scx_stats_;  // while attached
  bool displaced_ = false;  // another scheduler has the place; ours comes when it goes
  std::string why_not_more_;
  std::vector<wire::StatusReport::Ejection> ejections_;
  Rung rung_ = Rung::kernel;     // what schedules now
  int plain_tries_ = 0;          // left: the timer is for the plain policy, while the kernel tidies up
  std::string why_plain_;        // why the plain policy runs
  std::optional<std::uint64_t> returns_at_ns_;  // when the full policy is to be tried again
  wire::Mode tuning_ = wire::Mode::automatic;
  wire::Mode mode_applied_ = wire::Mode::automatic;  // the last mode in force that was told of
  std::string config_trouble_;  // a sentence about files that are not in force as they are now; "" none
  std::vector<std::string> degraded() const;

  loop::Watch events_watch_;
  loop::Timer return_timer_;
  loop::Timer stats_timer_;
  std::vector<loop::Signal> signals_;
  edge::FolderWatch rule_folders_;
  std::unique_ptr<edge::ControlServer> control_;
  int exit_code_ = 0;
};

}  // namespace vigil::app
