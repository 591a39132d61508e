// SPDX-License-Identifier: GPL-2.0-only
//
// The machine changes while we run: CPUs and memory come and go, cores are ranked anew, devices are plugged. What is
// different is written to the scheduler's maps; only where the caches are laid out so that its queues no longer fit is
// another one loaded, beside the one that runs, and put in its place. What is known of the tasks stays: it is not the
// scheduler's.
#include "app/daemon.hpp"
#include "app/lines.hpp"
#include "base/clock.hpp"

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"machine"};
constexpr int kAttempts = 3;  // a CPU that comes or goes meanwhile makes the kernel refuse

}  // namespace

Result<void> Daemon::start_machine() {
  using edge::ControlServer;
  MachineWatch::Callbacks callbacks;
  callbacks.device = [this](const topology::DeviceEvent& event) {
    if (control_ && control_->wanted(ControlServer::Kind::event)) publish(ControlServer::Kind::event, device_line(monotonic_now(), event));
  };
  callbacks.topology = [this](const topology::Topology& now, const topology::TopologyChanges& changes) {
    if (memory_) memory_->on_machine(now);
    machine_news_.insert(machine_news_.end(), changes.sentences.begin(), changes.sentences.end());
  };
  callbacks.devices = [this](const topology::Devices&, const topology::DeviceChanges& changes) {
    machine_news_.insert(machine_news_.end(), changes.sentences.begin(), changes.sentences.end());
  };
  // Drivers bring their device numbers with them.
  callbacks.modules = [this](const std::string&) {
    if (book_.devices) watch_device_nodes();
  };
  callbacks.scheduler = [this] { on_foreign_scheduler_change(); };
  callbacks.settled = [this](const Burst& burst) { on_machine_settled(burst); };
  MachineWatchOptions options;
  options.sysfs_root = options_.sysfs_root;
  options.proc_root = options_.proc_root;
  auto machine = MachineWatch::create(*loop_, options, std::move(callbacks));
  if (!machine) {
    kLog.warn("the machine's shape is unknown ({}): all CPUs are taken for one cache, and devices are not followed", machine.error().message());
    return {};
  }
  machine_ = std::move(*machine);
  on_machine_power();
  return {};
}

void Daemon::on_machine_settled(const Burst& burst) {
  auto& figures = machine_figures_;
  figures.events += burst.events;
  if (!burst.changed && !layout_in_doubt_) return;
  const auto last_ns = std::max(burst.last_ns, std::exchange(layout_doubted_ns_, 0));
  const auto written = burst.doubt.topology ? tell_scheduler() : Result<std::uint32_t>(0);
  if (layout_in_doubt_) {
    layout_doubted_ns_ = last_ns;
    if (burst.doubt.devices()) on_machine_power();
    return;  // told once it is certain
  }
  const auto news = std::exchange(machine_news_, {});
  ++figures.changes;
  const auto now = monotonic_now();
  if (!written) {
    kLog.error("{}: it goes on with the picture it has", written.error().message());
  } else {
    figures.writes += *written;
  }
  figures.last_ns = now - last_ns;
  figures.longest_ns = std::max(figures.longest_ns, figures.last_ns);
  for (const auto& sentence : news) {
    kLog.info("{}", sentence);
    publish(edge::ControlServer::Kind::event, topology_line(now, sentence, figures.last_ns, written.value_or(0)));
  }
  kLog.debug("{} announcements, one look, {} entries written, in force {} us after the last announcement", burst.events,
             written.value_or(0), figures.last_ns / 1000);
  // Event sources come and go with devices and CPUs; not before the scheduler knows.
  if (burst.doubt.devices()) on_machine_power();
  if (counters_) counters_->set_machine(machine_->topology(), machine_->devices());
}

// Returns how many map entries were written: none where the scheduler sees no difference.
Result<std::uint32_t> Daemon::tell_scheduler() {
  if (!scheduler_ || !scheduler_->is_attached()) {
    layout_in_doubt_.reset();
    return 0;
  }
  const auto topology = topology::sched_topology(machine_->topology(), scheduler_->topology());
  if (!scheduler_->fits(topology)) {
    // Read while CPUs come and go, any machine looks like another one: only what two looks in a row have found is believed.
    auto layout = sched_topology();
    if (layout_in_doubt_ != layout) {
      layout_in_doubt_ = std::move(layout);
      machine_->look_again({.topology = true});
      return 0;
    }
    layout_in_doubt_.reset();
    replace_scheduler(layout);
    return static_cast<std::uint32_t>(scheduler_ ? scheduler_->topology().cpus.size() : 0);
  }
  layout_in_doubt_.reset();
  auto written = scheduler_->set_topology(topology);
  if (written) *written += push_cpu_sets(*scheduler_);
  return written;
}

// The new one is loaded and verified while the old one still schedules, so that the kernel's own has the machine only for
// the moment between the two.
void Daemon::replace_scheduler(const SchedTopology& topology) {
  Result<void> done = fail("not tried");
  std::uint64_t without_ns = 0;
  for (int attempt = 0; attempt < kAttempts && !done; ++attempt) {
    auto fresh = load_scheduler(topology, scheduler_->name(), rung_);
    if (!fresh) {
      kLog.error("the caches are laid out anew, but a scheduler for them cannot be loaded ({}): the old one stays", fresh.error().message());
      return;
    }
    const auto before = monotonic_now();
    done = fresh->replace(*scheduler_);
    without_ns = monotonic_now() - before;
    if (done) scheduler_.emplace(std::move(*fresh));
    if (done && memory_) memory_->on_scheduler(true);  // the new one knows no hints
  }
  ++machine_figures_.replacements;
  if (done) {
    kLog.info("the caches are laid out anew: the scheduler was replaced, in {} us", without_ns / 1000);
    publish(edge::ControlServer::Kind::event, scheduler_line(monotonic_now(), "replaced", "the caches are laid out anew"));
    return;
  }
  on_scheduler_lost("the scheduler could not be replaced after the caches were laid out anew: " + done.error().message(), "", true);
}

void Daemon::add_machine_metrics(wire::Metrics& out) const {
  const auto& figures = machine_figures_;
  const auto counter = [&out](const char* name, const char* help, std::uint64_t value) {
    out.counter(name, help).add(static_cast<double>(value));
  };
  counter("machine_events", "Announcements of devices, the kernel or firmware that cast doubt on the picture of the machine.", figures.events);
  counter("machine_looks", "Looks at the machine, the one at the start included.", machine_ ? machine_->looks() : 0);
  counter("machine_changes", "Looks that found something different.", figures.changes);
  counter("machine_map_writes", "Entries of the scheduler's maps written because the machine changed.", figures.writes);
  counter("machine_scheduler_replacements", "Times another scheduler had to be loaded because the caches were laid out anew.", figures.replacements);
  const auto seconds = [&figures](std::uint64_t ns) { return figures.changes ? std::optional<double>(static_cast<double>(ns) / 1e9) : std::nullopt; };
  out.gauge("machine_in_force_seconds", "From the last event of the last burst that changed something to maps in force.", "seconds")
      .add(seconds(figures.last_ns));
  out.gauge("machine_in_force_longest_seconds", "The longest that has taken so far.", "seconds").add(seconds(figures.longest_ns));
}

}  // namespace vigil::app
