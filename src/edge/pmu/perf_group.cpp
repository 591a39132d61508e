// SPDX-License-Identifier: GPL-2.0-only
#include "edge/pmu/perf_group.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace vigil::edge {

PerfCalls PerfCalls::system() {
  PerfCalls calls;
  calls.open = [](const perf_event_attr& what, std::uint32_t cpu, int leader) {
    const auto fd = ::syscall(SYS_perf_event_open, &what, -1, static_cast<int>(cpu), leader, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : static_cast<int>(fd);
  };
  calls.read = [](int fd, void* buffer, std::size_t bytes) -> ssize_t {
    ssize_t n = 0;
    do n = ::read(fd, buffer, bytes);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
  };
  return calls;
}

std::string why_not_opened(const std::string& source, std::uint32_t cpu, int code) {
  const std::string where = source + " (on CPU " + std::to_string(cpu) + ")";
  switch (code) {
    case EACCES:
    case EPERM:
      return where + " may not be counted on: it takes CAP_PERFMON and a kernel that is not locked down for confidentiality; everything "
                     "but measured bandwidth and latency works without";
    case EBUSY:
      return where + " is held by another program, so it counts nothing for us; stop that one (perf, a monitoring agent), then start the "
                     "memory-bound programs anew";
    case ENODEV:
    case ENOENT:
    case ENXIO: return where + " is not there, or its CPU is off line";
    case EINVAL:
    case EOPNOTSUPP: return where + " does not count what its events/ folder names";
    case EMFILE:
    case ENFILE: return where + " cannot be counted on: too many files are open";
    default: return Error::system(where + " cannot be counted on", code).message();
  }
}

Result<PerfGroup> PerfGroup::open_events(const PerfCalls& calls, const PerfPlace& place, std::span<const memory::Counter> counters,
                                         bool joined) {
  PerfGroup out;
  out.source_ = place.source;
  out.counters_ = counters.size();
  for (std::size_t i = 0; i < counters.size(); ++i) {
    const auto& counter = counters[i];
    const std::span codes = joined && counter.joined ? std::span(&*counter.joined, 1) : std::span(counter.parts);
    for (const auto& code : codes) {
      if (out.events_.size() == kMaxEvents) return fail(why_not_opened(place.source, place.cpu, EINVAL), EINVAL);
      perf_event_attr attr{};
      attr.size = sizeof(attr);
      attr.type = place.type;
      attr.config = code[0];
      attr.config1 = code[1];
      attr.config2 = code[2];
      attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
      const int fd = calls.open(attr, place.cpu, out.events_.empty() ? -1 : out.events_.front().get());
      if (fd < 0) return fail(why_not_opened(place.source, place.cpu, -fd), -fd);
      out.events_.emplace_back(fd);
      out.counter_of_.push_back(i);
    }
  }
  if (out.events_.empty()) return fail(place.source + ": nothing to count", EINVAL);
  return out;
}

Result<PerfGroup> PerfGroup::open(const PerfCalls& calls, const PerfPlace& place, std::span<const memory::Counter> counters) {
  auto group = open_events(calls, place, counters, true);
  // A device that has each of the events need not have them on one counter.
  if (!group && (group.error().code() == EINVAL || group.error().code() == EOPNOTSUPP)) return open_events(calls, place, counters, false);
  return group;
}

Result<memory::GroupReading> PerfGroup::read(const PerfCalls& calls) const {
  // nr, enabled, running, then a value an event.
  std::array<std::uint64_t, 3 + kMaxEvents> words{};
  const auto bytes = (3 + events_.size()) * sizeof(words[0]);
  const auto n = calls.read(events_.front().get(), words.data(), bytes);
  // A source whose driver left: its events are in an error state, which reads as the end of the file.
  if (n == 0 || n == -ENODEV) return fail(source_ + " has vanished", ENODEV);
  if (n < 0) return fail_system("read " + source_, static_cast<int>(-n));
  if (static_cast<std::size_t>(n) != bytes || words[0] != events_.size())
    return fail(source_ + ": a read of " + std::to_string(n) + " bytes is not what was asked for", EIO);
  memory::GroupReading out{.enabled_ns = words[1], .running_ns = words[2], .counts = std::vector<std::uint64_t>(counters_)};
  for (std::size_t i = 0; i < events_.size(); ++i) out.counts[counter_of_[i]] += words[3 + i];
  return out;
}

}  // namespace vigil::edge
