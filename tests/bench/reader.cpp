// SPDX-License-Identifier: GPL-2.0-only
#include "reader.hpp"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <variant>

#include "base/clock.hpp"
#include "core/engine/engine.hpp"
#include "edge/procfs/process_reader.hpp"
#include "loop/loop.hpp"
#include "loop/watch.hpp"
#include "machine.hpp"
#include "wire/records.hpp"

namespace vigil::bench {

namespace {

constexpr std::size_t kBatch = 256;  // as the daemon's

// What is the daemon's Daemon::handle(), perform() and check_losses(), without anybody to tell.
struct Steps {
  Classifier& classifier;
  const std::string& exe;
  Reader::Samples& samples;
  Engine engine;
  edge::ProcessReader procfs;
  std::uint64_t lost = 0;

  void handle(const Event& event) {
    for (const auto& action : engine.step(event, monotonic_now())) {
      if (const auto* read = std::get_if<ReadProcess>(&action)) {
        handle(procfs.read(read->key, {}));
      } else if (const auto* assign = std::get_if<AssignClass>(&action)) {
        vigil_assign request{};
        request.key.tgid = assign->key.tgid;
        request.key.start_ns = assign->key.start_ns;
        request.level = static_cast<__u32>(assign->level);
        request.decision = wire::encode_decision(assign->decision);
        request.event_ns = assign->event_ns;
        if (must(classifier.assign(request)) > 0)
          samples.in_force.push_back(static_cast<double>(monotonic_now() - assign->event_ns));
      } else if (std::holds_alternative<Resync>(action)) {
        const auto totals = must(classifier.snapshot(
            false, [](const vigil_snap_cgroup&) {},
            [this](std::span<const std::byte> record) { on_record(record); }));
        ++samples.resyncs;
        handle(ResyncDone{totals.tasks});
      }
    }
  }

  void on_record(std::span<const std::byte> record) {
    const auto now = monotonic_now();
    vigil_ev_task task{};
    if (record.size() >= sizeof(task)) {
      std::memcpy(&task, record.data(), sizeof(task));
      if (task.hdr.kind == VIGIL_EV_EXEC && exe == task.exe)
        samples.called.push_back(static_cast<double>(now - task.verdict.event_ns));
    }
    ++samples.records;
    handle(must(wire::decode(record)));
  }

  void on_ready() {
    classifier.drain(kBatch, [this](std::span<const std::byte> record) { on_record(record); });
    const auto now_lost = __atomic_load_n(&classifier.counters().lost_gen, __ATOMIC_ACQUIRE);
    if (now_lost == lost) return;
    const auto count = now_lost - lost;
    lost = now_lost;
    handle(LostEvents{count});
  }
};

}  // namespace

Reader::Reader(Classifier& classifier, std::string exe)
    : classifier_(classifier),
      exe_(std::move(exe)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

Reader::~Reader() {
  if (thread_.joinable()) stop();
}

Reader::Samples Reader::stop() {
  const std::uint64_t one = 1;
  if (write(stop_.get(), &one, sizeof(one)) != sizeof(one)) fatal("cannot stop the reader");
  thread_.join();
  return std::move(samples_);
}

void Reader::run() {
  // Of this thread alone: Linux keeps nice values by thread.
  if (setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), -20) != 0)
    fatal("cannot set the reader to nice -20");
  Steps steps{classifier_, exe_, samples_, {}, edge::ProcessReader{}, classifier_.counters().lost_gen};
  steps.engine.set_refine([this](const Process& process, const ProcessFacts&) {
    Refinement out;
    if (process.comm != exe_ || process.verdict.in_force() == nullptr) return out;
    out.decision = *process.verdict.in_force();
    out.decision->klass = WorkloadClass::interactive;
    out.decision->flags = 0;
    out.decision->source = Source::daemon;
    out.level = process.verdict.level;
    return out;
  });
  auto loop = must(loop::Loop::create());
  auto events = must(loop::Watch::create(loop, classifier_.events_fd(), {.readable = true},
                                         [&](loop::Ready) { steps.on_ready(); }));
  auto stop =
      must(loop::Watch::create(loop, stop_.get(), {.readable = true}, [&](loop::Ready) { loop.stop(); }));
  loop.run();
}

}  // namespace vigil::bench
