// SPDX-License-Identifier: GPL-2.0-only
#include "app/memory/access_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "edge/damon/page_nodes.hpp"
#include "log/log.hpp"

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"memory"};
constexpr std::size_t kPagesAsked = 256;

}  // namespace

std::optional<std::uint64_t> AccessWatch::resident_bytes(std::uint32_t tgid) const {
  const UniqueFd fd(::open((proc_root_ + "/" + std::to_string(tgid) + "/statm").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> text;
  const auto n = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (n <= 0) return std::nullopt;
  const auto words = split({text.data(), static_cast<std::size_t>(n)}, ' ');
  const auto pages = words.size() > 1 ? parse_number<std::uint64_t>(words[1]) : std::nullopt;
  if (!pages) return std::nullopt;
  return *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<void> AccessWatch::start(MemoryEvents& events, const ProcKey& key, const memory::Settings& settings) {
  if (watches(key)) return {};
  const auto resident = resident_bytes(key.tgid);
  if (!resident) return fail("process " + std::to_string(key.tgid) + " has ended", ESRCH);
  if (*resident < settings.resident_min_mib * 1024ULL * 1024)
    return fail("it is smaller than " + std::to_string(settings.resident_min_mib) + " MiB", EAGAIN);
  if (watched_.size() >= settings.watched_max)
    return fail(std::to_string(settings.watched_max) + " other processes are watched already", EAGAIN);
  if (auto done = events.load_damon(); !done) return done;
  Watched watched;
  const auto intervals = watched.backoff.intervals(settings);
  auto damon = admin_.start(key.tgid, intervals, settings.regions_max, settings.damon_stat == memory::DamonStat::yield);
  if (!damon) return fail(std::move(damon).error());
  watched.damon = *damon;
  watched.cost.sample_us = intervals.sample_us;
  watched.cost.aggregation_us = intervals.aggregation_us;
  if (auto run = events.run_of(key)) watched.run = std::move(*run);
  if (auto done = events.listen(damon->kdamond, key, intervals.samples()); !done) {
    admin_.stop(damon->slot);
    return done;
  }
  kLog.debug("DAMON watches process {}: kdamond {}", key.tgid, damon->kdamond);
  watched_.emplace(key, std::move(watched));
  return {};
}

void AccessWatch::stop(MemoryEvents& events, const ProcKey& key) {
  const auto found = watched_.find(key);
  if (found == watched_.end()) return;
  kLog.debug("DAMON leaves process {} alone", key.tgid);
  events.ignore(found->second.damon.kdamond);
  admin_.stop(found->second.damon.slot);
  watched_.erase(found);  // `key` may be in it
}

void AccessWatch::stop_all(MemoryEvents& events) {
  while (!watched_.empty()) stop(events, watched_.begin()->first);
}

std::optional<AccessWatch::Cost> AccessWatch::cost(const ProcKey& key) const {
  const auto found = watched_.find(key);
  return found == watched_.end() ? std::nullopt : std::optional(found->second.cost);
}

// What the watching costs, and whether it is to look less often.
void AccessWatch::weigh(MemoryEvents& events, const ProcKey& key, Watched& watched, const MemoryEvent& event,
                        const memory::Settings& settings) {
  if (event.access.span_ns == 0) return;
  const auto span = static_cast<double>(event.access.span_ns);
  watched.cost.cpu_share = static_cast<double>(event.access.cost_ns) / span;
  watched.cost.samples_per_second = static_cast<double>(event.access.samples) * 1e9 / span;
  if (!watched.backoff.take(*watched.cost.cpu_share, settings)) return;
  const auto intervals = watched.backoff.intervals(settings);
  if (auto done = admin_.retune(watched.damon.slot, intervals); !done) {
    kLog.debug("DAMON's intervals stay: {}", done.error().message());
    return;
  }
  if (auto done = events.listen(watched.damon.kdamond, key, intervals.samples()); !done) kLog.debug("{}", done.error().message());
  watched.cost.sample_us = intervals.sample_us;
  watched.cost.aggregation_us = intervals.aggregation_us;
  kLog.info("watching process {}'s memory cost {:.2f} % of a core: it is looked at every {} ms now", key.tgid,
            *watched.cost.cpu_share * 100, intervals.sample_us / 1000);
}

memory::AccessSample AccessWatch::sample(MemoryEvents& events, const MemoryEvent& event, const memory::Settings& settings) {
  const auto& report = event.access;
  memory::AccessSample out;
  out.key = event.key;
  out.at_ns = event.at_ns;
  out.span_ns = report.span_ns;
  out.hot_bytes = report.hot_bytes;
  out.warm_bytes = report.warm_bytes;
  // DAMON's regions cover addresses, also such that nothing lies at: cold is what is resident and was not found used.
  if (const auto resident = resident_bytes(event.key.tgid))
    out.cold_bytes = *resident - std::min(*resident, report.hot_bytes + report.warm_bytes);
  const auto found = watched_.find(event.key);
  if (found == watched_.end()) return out;
  auto& watched = found->second;

  const auto pages_in_use = static_cast<double>(report.hot_bytes + report.warm_bytes) / 4096;
  if (pages_in_use > 0 && watched.cost.aggregation_us > 0)
    out.access_hz = static_cast<double>(report.page_uses) / pages_in_use * 1e6 / watched.cost.aggregation_us;

  const auto addresses = memory::sample_pages(report.hot, kPagesAsked, watched.round++);
  if (auto pages = edge::page_nodes(event.key.tgid, addresses))
    out.hot_pages = std::move(*pages);
  else
    kLog.debug("{}", pages.error().message());

  if (auto run = events.run_of(event.key)) {
    out.ran_ns = run->node_ns;
    for (std::size_t node = 0; node < out.ran_ns.size() && node < watched.run.node_ns.size(); ++node)
      out.ran_ns[node] -= std::min(out.ran_ns[node], watched.run.node_ns[node]);
    if (report.span_ns) out.node_moves = run->node_moves - std::min(run->node_moves, watched.run.node_moves);
    watched.run = std::move(*run);
  }
  weigh(events, event.key, watched, event, settings);
  return out;
}

}  // namespace vigil::app
