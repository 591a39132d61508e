// SPDX-License-Identifier: GPL-2.0-only
#include "app/daemon.hpp"

#include <signal.h>

#include <cstring>

#include "app/check.hpp"
#include "app/lines.hpp"
#include "app/memory.hpp"
#include "app/refine.hpp"
#include "app/tunables.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "core/config/mistake.hpp"
#include "wire/recording.hpp"
#include "wire/records.hpp"

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"vigil"};
// Records handled before the loop looks at its other descriptors: a storm delays a person's question by a millisecond.
constexpr std::size_t kBatch = 256;

void debug_libbpf(std::string_view line) { kLog.debug("libbpf: {}", line); }

}  // namespace

std::string_view to_string(RunMode mode) {
  switch (mode) {
    case RunMode::automatic: break;
    case RunMode::schedule: return "schedule";
    case RunMode::observe: return "observe";
  }
  return "auto";
}

Result<std::unique_ptr<Daemon>> Daemon::create(const CommandLine& line) {
  auto options = settle(line);
  if (!options) return fail(options.error().message(), kConfigurationError);
  std::unique_ptr<Daemon> daemon(new Daemon(line, std::move(*options)));
  daemon->started_ns_ = monotonic_now();
  auto loop = loop::Loop::create();
  if (!loop) return fail(std::move(loop).error());
  daemon->owned_loop_.emplace(std::move(*loop));
  daemon->loop_ = &*daemon->owned_loop_;
  if (auto started = daemon->start(); !started) return fail(std::move(started).error());
  return daemon;
}

Daemon::~Daemon() = default;

Result<void> Daemon::start() {
  libbpf_capture(options_.log_level <= log::Level::debug ? debug_libbpf : nullptr);
  if (auto notifier = edge::Notifier::from_environment(); notifier) {
    notifier_ = std::move(*notifier);
  } else {
    kLog.warn("cannot talk to the service manager: {}", notifier.error().message());
  }

  auto book = RuleBook::read(options_.rule_folders, options_.profile_folders, options_.ananicy_folder, profile_numbers_,
                             config::OnMistake::leave_out);
  if (!book)
    return fail(book.error().message() + "\nnot started: mend what is named; `vigilctl rules check` and `vigilctl profile check` show every mistake",
                kConfigurationError);
  book_ = std::move(*book);
  engine_.set_refine([this, refine = refine_by(book_)](const Process& process, const ProcessFacts& facts) {
    return refined_ = refine(process, facts);
  });
  kLog.info("{} rules from {} files, {} profiles from {}", book_.rules.rules.size(), book_.files.size(), book_.profiles.size(),
            book_.profile_files.size());
  tell_of_ananicy();
  if (!book_.left_out.empty()) {
    // A typing mistake that the next boot finds must not cost the whole service.
    kLog.error("files with mistakes are left out:\n{}", book_.left_out);
    config_trouble_ = "Left out at the start because of mistakes: " + config::in_short(book_.left_out) +
                      ". All other rules and profiles are in force. Mend the file (`vigilctl rules check` and `vigilctl profile check` show "
                      "every mistake); it is then taken up at once.";
  }

  // The socket first: a second daemon ends here, before it has touched anything.
  if (auto done = start_control(); !done) return done;
  start_power();
  if (auto done = start_events(); !done) return done;
  watch_device_nodes();
  if (auto done = start_machine(); !done) return done;
  start_counters();
  start_memory();
  if (auto done = start_scheduler(); !done) return done;
  if (auto done = start_signals(); !done) return done;
  announce_ready();
  return {};
}

Result<void> Daemon::start_classifier() {
  auto classifier = Classifier::load(ClassifierOptions{options_.ring_bytes});
  if (!classifier) return fail(std::move(classifier).error());
  classifier_.emplace(std::move(*classifier));
  install_profiles(book_);
  if (auto done = classifier_->install_rules(wire::encode(book_.compiled)); !done) return done;
  if (auto done = classifier_->attach(); !done) return done;
  classifier_->set_storm(options_.storm_execs);
  auto storms = StormWatch::create(*loop_, *classifier_, [this](std::span<const std::byte> record) { on_record(record); });
  if (!storms) return fail(std::move(storms).error());
  storms_ = std::move(*storms);
  classifier_->enable();

  auto watch = loop::Watch::create(*loop_, classifier_->events_fd(), loop::Ready{.readable = true},
                                   [this](loop::Ready) { on_events_ready(); });
  if (!watch) return fail(std::move(watch).error());
  events_watch_ = std::move(*watch);
  resync();
  return {};
}

std::vector<std::string> Daemon::degraded() const {
  auto out = machine_ ? machine_->degraded()
                      : std::vector<std::string>{"The machine's shape could not be read: all CPUs are taken for one cache."};
  if (!config_trouble_.empty()) out.push_back(config_trouble_);
  if (connector_) out.push_back(why_connector_);
  tell_shortcomings(out);
  if (power_)
    for (auto& sentence : power_->degraded()) out.push_back(std::move(sentence));
  if (pushes_)
    for (auto& sentence : pushes_->degraded()) out.push_back(std::move(sentence));
  return out;
}

Result<void> Daemon::start_control() {
  edge::ControlOptions control;
  if (!options_.socket_group.empty()) {
    auto group = edge::find_group(options_.socket_group);
    if (!group) return fail(group.error().message(), kConfigurationError);
    control.group = *group;
  }
  auto server = edge::ControlServer::create(*loop_, options_.socket, control,
                                            [this](const wire::Request& request, const edge::Peer& peer) {
                                              return answer(request, peer);
                                            });
  if (!server) return fail(std::move(server).error().in("control socket"));
  control_ = std::move(*server);
  control_->on_subscribers_changed([this] {
    if (connector_) connector_->set_stream_all(control_->wanted(edge::ControlServer::Kind::event));
    if (!classifier_) return;
    const bool all = control_->wanted(edge::ControlServer::Kind::event) || control_->wanted(edge::ControlServer::Kind::recorded);
    classifier_->set_stream_all(all);
    classifier_->set_prompt(all || control_->wanted(edge::ControlServer::Kind::verdict));
  });
  return {};
}

Result<void> Daemon::start_signals() {
  for (const int number : {SIGINT, SIGTERM}) {
    auto signal = loop::Signal::create(*loop_, number, [this] {
      (void)notifier_.stopping("stopping");
      loop_->stop();
    });
    if (!signal) return fail(std::move(signal).error());
    signals_.push_back(std::move(*signal));
  }
  auto hangup = loop::Signal::create(*loop_, SIGHUP, [this] { reload(); });
  if (!hangup) return fail(std::move(hangup).error());
  signals_.push_back(std::move(*hangup));
  watch_rule_folders();

  if (options_.stats_seconds) {
    const std::chrono::seconds period(*options_.stats_seconds);
    // A person asked for it: the one timer that comes again.
    auto timer = loop::Timer::create(*loop_, [this, period] {
      const auto text = wire::format_openmetrics(metrics());
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
      stats_timer_.arm(period);
    });
    if (!timer) return fail(std::move(timer).error());
    stats_timer_ = std::move(*timer);
    stats_timer_.arm(period);
  }
  return {};
}

void Daemon::announce_ready() {
  forget_startup();
  ready_after_ns_ = monotonic_now() - started_ns_;
  const bool scheduling = scheduler_ && scheduler_->is_attached();
  const std::string mode = scheduling ? "schedule" : "observe";
  kLog.info("ready: {} mode after {} ms{}", mode, ready_after_ns_ / 1'000'000,
            scheduling ? ", scheduler " + scheduler_->name() : "");
  (void)notifier_.ready(service_status());
}

std::string Daemon::service_status() const {
  return scheduler_ && scheduler_->is_attached() ? "scheduling as " + scheduler_->name() : "observing: " + why_not_more_;
}

int Daemon::run() {
  loop_->run();
  kLog.info("stopped{}", scheduler_ && scheduler_->is_attached() ? ": the kernel's own scheduler takes over" : "");
  memory_.reset();
  scheduler_.reset();
  power_.reset();  // what it changed in hardware is put back
  log::flush();
  return exit_code_;
}

void Daemon::on_events_ready() {
  classifier_->drain(kBatch, [this](std::span<const std::byte> record) { on_record(record); });
  check_losses();
}

void Daemon::on_record(std::span<const std::byte> record) {
  vigil_ev_hdr header{};
  if (record.size() >= sizeof(header)) std::memcpy(&header, record.data(), sizeof(header));
  if (header.kind == VIGIL_EV_SCHED) return on_scheduler_exit();
  if (header.kind == VIGIL_EV_SAMPLE) return on_sample_due();
  if (header.kind == VIGIL_EV_STORM) storms_->storm_began();
  auto event = wire::decode(record);
  if (!event) {
    kLog.warn("an event record was not understood: {}", event.error().message());
    return;
  }
  if (control_ && control_->wanted(edge::ControlServer::Kind::recorded))
    control_->publish(edge::ControlServer::Kind::recorded, wire::format_record(monotonic_now(), record));
  handle(*event);
}

std::optional<std::string> Daemon::game_title(std::uint32_t tgid, std::uint32_t appid, std::uint32_t inherited_from) const {
  if (const auto* process = engine_.processes().find_tgid(tgid); process && process->verdict.profile == process->verdict.matched)
    if (const auto* profile = book_.profile(process->verdict.matched); profile && !profile->title.empty()) return profile->title;
  return games_.title(tgid, appid, inherited_from);
}

std::string Daemon::title_of(const PublishVerdict& verdict) const {
  if (verdict.klass != WorkloadClass::gaming && !verdict.appid) return {};
  return game_title(verdict.tgid, verdict.appid, verdict.inherited_from).value_or("");
}

void Daemon::handle(const Event& event) {
  if (const auto* task = std::get_if<TaskEvent>(&event)) games_.on(*task);
  const auto actions = engine_.step(event, monotonic_now());
  if (std::get_if<ResyncDone>(&event)) games_.forget_all_but(engine_.processes());
  follow_memory(event);  // before what the actions make of it
  perform(actions);
}

void Daemon::check_losses() {
  const auto& counters = classifier_->counters();
  const auto lost = __atomic_load_n(&counters.lost_gen, __ATOMIC_ACQUIRE);
  if (lost == lost_seen_) return;
  const auto count = lost - lost_seen_;
  lost_seen_ = lost;
  lost_total_ += count;
  if (control_ && control_->wanted(edge::ControlServer::Kind::recorded))
    control_->publish(edge::ControlServer::Kind::recorded, wire::format_lost(monotonic_now(), count));
  handle(LostEvents{count});
}

void Daemon::perform(const Actions& actions) {
  for (const auto& action : actions) {
    if (const auto* read = std::get_if<ReadProcess>(&action)) {
      auto known = connector_ ? connector_->facts(read->key) : std::nullopt;
      ProcessFacts facts = known ? std::move(*known)
                                 : procfs_.read(read->key, {.environment = book_.wants_environment, .cgroup = book_.wants_cgroup});
      const auto now = monotonic_now();
      refined_ = {};
      const auto follows = engine_.step(facts, now);
      if (control_ && control_->wanted(edge::ControlServer::Kind::recorded))
        control_->publish(edge::ControlServer::Kind::recorded, wire::format_facts(now, facts, refined_));
      perform(follows);
    } else if (const auto* assign = std::get_if<AssignClass>(&action)) {
      if (connector_) {
        connector_->assign(assign->key, assign->level, assign->decision, assign->appid, assign->event_ns);
        continue;
      }
      vigil_assign request{};
      request.key.tgid = assign->key.tgid;
      request.key.start_ns = assign->key.start_ns;
      request.level = static_cast<__u32>(assign->level);
      request.decision = wire::encode_decision(assign->decision);
      request.appid = assign->appid;
      request.event_ns = assign->event_ns;
      if (auto done = classifier_->assign(request); !done) kLog.warn("{}", done.error().message());
      follow_memory(*assign);
    } else if (perform_profile(action)) {
      continue;
    } else if (std::get_if<Resync>(&action)) {
      resync();
    } else if (const auto* verdict = std::get_if<PublishVerdict>(&action)) {
      if (power_ && verdict->pid == verdict->tgid) power_->on_process(verdict->tgid, verdict->klass == WorkloadClass::gaming);
      if (control_ && control_->wanted(edge::ControlServer::Kind::verdict))
        publish(edge::ControlServer::Kind::verdict, verdict_line(*verdict, book_, title_of(*verdict)));
    } else if (const auto* task = std::get_if<PublishTask>(&action)) {
      if (power_ && task->event.kind == Cause::exit) power_->on_process(task->event.verdict.key.tgid, false);
      if (control_ && control_->wanted(edge::ControlServer::Kind::event))
        publish(edge::ControlServer::Kind::event, task_line(task->event));
    } else if (const auto* cgroup = std::get_if<PublishCgroup>(&action)) {
      if (control_ && control_->wanted(edge::ControlServer::Kind::event))
        publish(edge::ControlServer::Kind::event, cgroup_line(cgroup->event));
    } else if (const auto* lost = std::get_if<PublishLost>(&action)) {
      publish(edge::ControlServer::Kind::event, lost_line(monotonic_now(), *lost));
    } else if (const auto* announce = std::get_if<Announce>(&action)) {
      if (announce->one_of_many)
        kLog.info("{}", announce->text);  // one format for all of them: that is what the log counts by
      else
        kLog.message(log::Level::info, announce->text);
    }
  }
}

void Daemon::publish(edge::ControlServer::Kind kind, const std::string& line) {
  if (control_) control_->publish(kind, line);
}

void Daemon::resync() {
  if (connector_) {
    handle(ResyncDone{connector_->snapshot()});
    recount_games();
    return;
  }
  auto totals = classifier_->snapshot(
      false,
      [this](const vigil_snap_cgroup& record) {
        CgroupEvent event;
        event.kind = CgroupEvent::Kind::snapshot;
        event.id = CgroupId{record.id};
        event.parent = CgroupId{record.parent};
        event.decision = wire::decode_decision(record.decision);
        event.appid = record.appid;
        handle(event);
      },
      [this](std::span<const std::byte> record) { on_record(record); });
  if (!totals) {
    kLog.error("processes that ran before could not be looked at: {}; new ones are classified all the same",
               totals.error().message());
    return;
  }
  kLog.debug("looked at {} tasks, decided {}", totals->tasks, totals->decided);
  handle(ResyncDone{totals->tasks});
  recount_games();
}

Result<void> Daemon::reload_settings() {
  auto done = read_settings_anew();
  // Whoever edited the file looks at `vigilctl status`, not at the journal.
  config_trouble_ = done ? ""
                         : "The last change of rules, profiles or vigil.toml is not in force: " + config::in_short(done.error().message()) +
                               ". What was in force before stays in force. Mend the file (`vigilctl rules check` and `vigilctl profile check` "
                               "show every mistake): rules and profiles are then taken up at once, vigil.toml at a reload (SIGHUP).";
  return done;
}

Result<void> Daemon::read_settings_anew() {
  auto fresh = settle(line_);
  if (!fresh) return fail(std::move(fresh).error());
  if (const auto gone = book_.vanished(fresh->rule_folders, fresh->profile_folders); !gone.empty())
    return fail(gone + ": the folder is gone; to do without what was in it, make an empty one, or name the folders in vigil.toml");
  auto book = RuleBook::read(fresh->rule_folders, fresh->profile_folders, fresh->ananicy_folder, profile_numbers_);
  if (!book) return fail(std::move(book).error());
  if (classifier_) {
    install_profiles(*book);
    const auto heirs = book->heirs_of(book_);
    std::vector<vigil_decision> table(1);
    table[0].rule = heirs.marks;
    for (const auto& decision : heirs.decisions) table.push_back(wire::encode_decision(decision));
    if (auto done = classifier_->install_heirs(table); !done) kLog.warn("{}: what was inherited is decided anew", done.error().message());
    if (auto done = classifier_->install_rules(wire::encode(book->compiled)); !done) return done;
  }
  book_ = std::move(*book);
  if (connector_) connector_->rules_changed();
  watch_device_nodes();
  options_.rule_folders = fresh->rule_folders;
  options_.profile_folders = fresh->profile_folders;
  options_.ananicy_folder = fresh->ananicy_folder;
  tell_of_ananicy();
  options_.storm_execs = fresh->storm_execs;
  if (classifier_) classifier_->set_storm(options_.storm_execs);
  options_.scheduler = fresh->scheduler;
  options_.classes = fresh->classes;
  options_.memory = fresh->memory;
  if (memory_) memory_->set_settings(options_.memory);
  options_.log_level = fresh->log_level;
  log::set_level(options_.log_level);
  if (fresh->socket != options_.socket || fresh->socket_group != options_.socket_group || fresh->ring_bytes != options_.ring_bytes ||
      fresh->mode != options_.mode)
    kLog.warn("mode, socket, socket_group and ring_kib take effect at the next start");
  if (fresh->events != options_.events) kLog.warn("events takes effect at the next start");
  if (fresh->power != options_.power) kLog.warn("[power] and [x3d] take effect at the next start");
  settle_mode();  // a profile's may be another
  return {};
}

void Daemon::tell_of_ananicy() const {
  constexpr std::size_t kShown = 5;
  if (book_.ananicy_names)
    kLog.info("{} program names of {} are known as evidence of last resort", book_.ananicy_names, options_.ananicy_folder);
  const auto& mistakes = book_.ananicy_mistakes;
  for (std::size_t i = 0; i < mistakes.size() && i < kShown; ++i) kLog.warn("passed over: {}", mistakes[i]);
  if (mistakes.size() > kShown) kLog.warn("passed over: {} more lines of {}", mistakes.size() - kShown, options_.ananicy_folder);
}

void Daemon::watch_rule_folders() {
  auto folders = options_.rule_folders;
  folders.insert(folders.end(), options_.profile_folders.begin(), options_.profile_folders.end());
  auto watch = edge::FolderWatch::create(*loop_, folders, [this] { on_rules_changed(); });
  if (watch)
    rule_folders_ = std::move(*watch);
  else
    kLog.warn("changed rule and profile files are not noticed ({}): reload by SIGHUP", watch.error().message());
}

void Daemon::on_rules_changed() {
  const auto before = monotonic_now();
  if (auto done = reload_settings(); !done) {
    kLog.error("a rule or profile file changed and is not taken up, what was in force stays in force:\n{}", done.error().message());
    return;
  }
  handle(LookAgain{});
  kLog.info("rule files changed: {} rules and {} profiles in force after {} ms", book_.rules.rules.size(), book_.profiles.size(),
            (monotonic_now() - before) / 1'000'000);
}

void Daemon::reload() {
  (void)notifier_.reloading();
  const auto before = monotonic_now();
  if (auto done = reload_settings(); !done) {
    kLog.error("not reloaded, what was in force stays in force:\n{}", done.error().message());
    (void)notifier_.ready("the configuration has mistakes: what was in force stays in force");
    return;
  }
  handle(LookAgain{});
  watch_rule_folders();  // others, perhaps, or the same name for another folder than the one that was watched
  kLog.info("reloaded in {} ms: {} rules", (monotonic_now() - before) / 1'000'000, book_.rules.rules.size());
  if (scheduler_ && scheduler_->is_attached()) push_cpu_sets(*scheduler_);
  try_again("reload");  // a reload is also how a person says so
  forget_startup();
  (void)notifier_.ready(service_status());
}

}  // namespace vigil::app
