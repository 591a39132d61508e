// SPDX-License-Identifier: GPL-2.0-only
#include "wire/records.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "abi.h"

namespace vigil::wire {

#define SAME(cxx, abi) static_assert(static_cast<int>(cxx) == static_cast<int>(abi))
SAME(WorkloadClass::regular, VIGIL_CLASS_REGULAR);
SAME(WorkloadClass::gaming, VIGIL_CLASS_GAMING);
SAME(WorkloadClass::interactive, VIGIL_CLASS_INTERACTIVE);
SAME(WorkloadClass::batch, VIGIL_CLASS_BATCH);
SAME(WorkloadClass::ai, VIGIL_CLASS_AI);
SAME(WorkloadClass::vm, VIGIL_CLASS_VM);
SAME(WorkloadClass::container, VIGIL_CLASS_CONTAINER);
SAME(WorkloadClass::latency, VIGIL_CLASS_LATENCY);
SAME(WorkloadClass::vectordb, VIGIL_CLASS_VECTORDB);
SAME(WorkloadClass::kworker, VIGIL_CLASS_KWORKER);
SAME(kWorkloadClassCount, VIGIL_CLASS_COUNT);
SAME(Level::user, VIGIL_LEVEL_USER);
SAME(Level::thread, VIGIL_LEVEL_THREAD);
SAME(Level::image, VIGIL_LEVEL_IMAGE);
SAME(Level::cgroup, VIGIL_LEVEL_CGROUP);
SAME(Level::ancestry, VIGIL_LEVEL_ANCESTRY);
SAME(Level::none, VIGIL_LEVEL_COUNT);
SAME(Source::kernel, VIGIL_SOURCE_KERNEL);
SAME(Source::daemon, VIGIL_SOURCE_DAEMON);
SAME(Source::user, VIGIL_SOURCE_USER);
SAME(Cause::fork, VIGIL_EV_FORK);
SAME(Cause::exec, VIGIL_EV_EXEC);
SAME(Cause::exit, VIGIL_EV_EXIT);
SAME(Cause::rename, VIGIL_EV_RENAME);
SAME(Cause::cgroup_attach, VIGIL_EV_CGROUP_ATTACH);
SAME(Cause::snapshot, VIGIL_EV_SNAPSHOT);
SAME(Cause::assign, VIGIL_EV_ASSIGN);
SAME(Cause::storm, VIGIL_EV_STORM);
SAME(Decision::kInherit, VIGIL_F_INHERIT);
SAME(Decision::kRefine, VIGIL_F_REFINE);
SAME(Decision::kBoundary, VIGIL_F_BOUNDARY);
SAME(Decision::kMemory, VIGIL_F_MEMORY);
SAME(Decision::kVcpu, VIGIL_F_VCPU);
static_assert(std::tuple_size_v<decltype(TaskVerdict::evidence)> == VIGIL_EVIDENCE);
static_assert(kRuleUser == VIGIL_RULE_USER && kRuleProfile == VIGIL_RULE_PROFILE);
#undef SAME

namespace {

template <std::size_t N>
std::string text(const char (&bytes)[N]) {
  return std::string(bytes, strnlen(bytes, N));
}

// A byte that came from outside: only a class that exists.
WorkloadClass class_of(std::uint8_t value) {
  const auto klass = static_cast<WorkloadClass>(value);
  return std::find(kWorkloadClasses.begin(), kWorkloadClasses.end(), klass) != kWorkloadClasses.end() ? klass
                                                                                                     : WorkloadClass::regular;
}

TaskEvent task_event(const vigil_ev_task& record) {
  TaskEvent event;
  event.kind = static_cast<Cause>(record.hdr.kind);
  event.at_ns = record.hdr.at_ns;
  event.ppid = record.ppid;
  event.uid = record.uid;
  event.threads = record.threads;
  event.changed = record.flags & VIGIL_EVF_CHANGED;
  event.leader = record.flags & VIGIL_EVF_LEADER;
  event.kthread = record.flags & VIGIL_EVF_KTHREAD;
  event.new_thread = record.flags & VIGIL_EVF_THREAD;
  event.comm = text(record.comm);
  event.exe = text(record.exe);
  event.verdict = decode_verdict(record.verdict);
  return event;
}

CgroupEvent cgroup_event(const vigil_ev_cgroup& record) {
  CgroupEvent event;
  event.kind = record.hdr.kind == VIGIL_EV_CGROUP_MKDIR ? CgroupEvent::Kind::mkdir : CgroupEvent::Kind::rmdir;
  event.at_ns = record.hdr.at_ns;
  event.id = CgroupId{record.id};
  event.parent = CgroupId{record.parent};
  event.decision = decode_decision(record.cgroup.decision);
  event.appid = record.cgroup.appid;
  event.path = text(record.path);
  event.path_cut = record.path_len > event.path.size();
  return event;
}

}  // namespace

Decision decode_decision(const ::vigil_decision& in) {
  Decision out;
  out.rule = in.rule;
  out.klass = class_of(in.klass);
  out.kind = in.kind;
  out.flags = in.flags;
  out.source = in.source <= VIGIL_SOURCE_USER ? static_cast<Source>(in.source) : Source::kernel;
  return out;
}

::vigil_decision encode_decision(const Decision& in) {
  ::vigil_decision out{};
  out.rule = in.rule;
  out.klass = static_cast<std::uint8_t>(in.klass);
  out.kind = in.kind;
  out.flags = in.flags;
  out.source = static_cast<std::uint8_t>(in.source);
  return out;
}

TaskVerdict decode_verdict(const ::vigil_verdict& in) {
  TaskVerdict out;
  out.klass = class_of(in.klass);
  out.kind = in.kind;
  out.level = in.level < VIGIL_LEVEL_COUNT ? static_cast<Level>(in.level) : Level::none;
  out.flags = in.flags;
  out.appid = in.appid;
  out.cause = static_cast<Cause>(in.cause);
  out.truncated = in.truncated;
  for (std::size_t i = 0; i < kLevelCount; ++i) out.decisions[i] = decode_decision(in.decision[i]);
  out.key = ProcKey{in.key.tgid, in.key.start_ns};
  out.pid = in.pid;
  out.inherited_from = in.inherited_from;
  out.cgroup = CgroupId{in.cgroup_id};
  out.event_ns = in.event_ns;
  out.decided_ns = in.decided_ns;
  std::copy(std::begin(in.evidence), std::end(in.evidence), out.evidence.begin());
  out.gen = in.gen;
  out.marks = in.marks;
  out.profile = in.profile & VIGIL_PROFILE_ID;
  out.profile_chosen = in.profile & VIGIL_PROFILE_MARK;
  out.matched = in.matched & VIGIL_PROFILE_ID;
  return out;
}

Result<Event> decode(std::span<const std::byte> bytes) {
  vigil_ev_hdr header{};
  if (bytes.size() < sizeof(header)) return fail("record of " + std::to_string(bytes.size()) + " bytes: too short");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.size != bytes.size() && bytes.size() < header.size)
    return fail("record says " + std::to_string(header.size) + " bytes and has " + std::to_string(bytes.size()));
  switch (header.kind) {
    case VIGIL_EV_FORK:
    case VIGIL_EV_EXEC:
    case VIGIL_EV_EXIT:
    case VIGIL_EV_RENAME:
    case VIGIL_EV_CGROUP_ATTACH:
    case VIGIL_EV_ASSIGN:
    case VIGIL_EV_SNAPSHOT:
    case VIGIL_EV_STORM: {
      vigil_ev_task record{};
      if (bytes.size() < sizeof(record)) return fail("task record too short");
      std::memcpy(&record, bytes.data(), sizeof(record));
      return Event{task_event(record)};
    }
    case VIGIL_EV_CGROUP_MKDIR:
    case VIGIL_EV_CGROUP_RMDIR: {
      vigil_ev_cgroup record{};
      if (bytes.size() < sizeof(record)) return fail("cgroup record too short");
      std::memcpy(&record, bytes.data(), sizeof(record));
      return Event{cgroup_event(record)};
    }
    default: return fail("record of unknown kind " + std::to_string(header.kind));
  }
}

}  // namespace vigil::wire
