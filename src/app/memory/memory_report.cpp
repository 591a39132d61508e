// SPDX-License-Identifier: GPL-2.0-only
//
// What people are told of memory: explain, status, stats.
#include <numeric>

#include "app/memory/memory_watch.hpp"
#include "base/text.hpp"

namespace vigil::app {

std::optional<wire::MemoryReport> MemoryWatch::report(const ProcKey& key) const {
  const auto found = processes_.find(key);
  const auto* view = model_.find(key);
  if (found == processes_.end() || !view) return std::nullopt;
  wire::MemoryReport out;
  out.locality = view->locality;
  out.working_set_bytes = view->working_set_bytes();
  out.hot_bytes = view->hot_bytes;
  out.warm_bytes = view->warm_bytes;
  out.cold_bytes = view->cold_bytes;
  out.access_hz = view->access_hz;
  out.moves_per_second = view->moves_per_second;
  out.hot_pages = view->hot_pages;
  const auto ran = std::accumulate(view->ran_ns.begin(), view->ran_ns.end(), std::uint64_t{0});
  if (ran > 0)
    for (const auto ns : view->ran_ns) out.ran_share.push_back(static_cast<double>(ns) / static_cast<double>(ran));
  out.measured_ns = view->measured_ns;
  if (const auto hint = model_.hint(key)) {
    out.near_node = hint->near;
    out.lead_us = hint->lead_us;
    const auto* domain = hint->near ? model_.domains().find(*hint->near) : nullptr;
    if (domain) out.near_cpus = domain->cpus.to_string();
  }
  out.near_why = model_.why(key);
  out.watched = access_.watches(key);
  if (!out.watched) out.why_not_watched = events_missing_.empty() ? found->second.why_not : events_missing_;
  if (const auto cost = access_.cost(key)) {
    out.cost_share = cost->cpu_share;
    out.samples_per_second = cost->samples_per_second;
    out.sample_us = cost->sample_us;
  }
  return out;
}

wire::MemoryStatus MemoryWatch::status() const {
  wire::MemoryStatus out;
  out.processes = processes_.size();
  out.watched = access_.count();
  out.why = !events_missing_.empty() ? events_missing_ : damon_missing_;
  out.damon = access_.count() > 0 ? "on" : out.why.empty() ? "off" : "unavailable";
  if (access_.stopped_damon_stat()) out.why = "damon_stat is switched off meanwhile";
  if (pressure_) out.pressure = model_.pressure();
  if (model_.kworker_lead_us() != 0) out.kworker_lead_us = model_.kworker_lead_us();
  return out;
}

std::vector<std::string> MemoryWatch::degraded() const {
  std::vector<std::string> out;
  if (processes_.empty()) return out;
  if (!events_missing_.empty())
    out.push_back("How memory-bound processes use their memory is unknown (" + events_missing_ +
                  "); they are placed by the machine's shape alone.");
  else if (!damon_missing_.empty())
    out.push_back("Which memory is hot, and where it lies, is unknown (" + damon_missing_ +
                  "); memory-bound processes are placed by the machine's shape and what nodes measure.");
  return out;
}

void MemoryWatch::add_metrics(wire::Metrics& out) const {
  const auto labels = [](const ProcKey& key, const Process& process) {
    return wire::Labels{{"pid", std::to_string(key.tgid)}, {"comm", printable(process.comm)}};
  };
  const auto per_process = [&](const char* name, const char* help, const char* unit, const auto& value) {
    auto gauge = out.gauge(name, help, unit);
    for (const auto& [key, process] : processes_)
      if (const auto* view = model_.find(key)) gauge.add(value(key, *view), labels(key, process));
  };
  using View = memory::ProcessView;
  const auto number = [](const auto& value) { return value ? std::optional(static_cast<double>(*value)) : std::nullopt; };
  if (!processes_.empty()) {
    per_process("memory_locality_score", "Share of its hot memory that is near to where it runs, 0 to 100, less for moves between nodes.", "",
                [](const ProcKey&, const View& view) { return view.locality; });
    per_process("memory_working_set_bytes", "Memory found used in the last aggregation.", "bytes",
                [&](const ProcKey&, const View& view) { return number(view.working_set_bytes()); });
    per_process("memory_hot_bytes", "Memory found used at least every second time.", "bytes",
                [&](const ProcKey&, const View& view) { return number(view.hot_bytes); });
    per_process("memory_cold_bytes", "Resident memory not found used.", "bytes",
                [&](const ProcKey&, const View& view) { return number(view.cold_bytes); });
    per_process("memory_access_hz", "Times a second that a page of the working set is used.", "",
                [](const ProcKey&, const View& view) { return view.access_hz; });
    per_process("memory_node_moves_hz", "Moves of its tasks to another node a second.", "",
                [](const ProcKey&, const View& view) { return view.moves_per_second; });
    per_process("memory_watch_cost_ratio", "CPU time of the kernel thread that watches it, of one core.", "",
                [&](const ProcKey& key, const View&) {
                  const auto cost = access_.cost(key);
                  return cost ? cost->cpu_share : std::nullopt;
                });
    per_process("memory_watch_samples_hz", "Pages looked at a second.", "", [&](const ProcKey& key, const View&) {
      const auto cost = access_.cost(key);
      return cost ? cost->samples_per_second : std::nullopt;
    });
  }
  out.counter("memory_wakeups", "Times the kernel half told of memory-bound processes.").add(static_cast<double>(counts_.wakeups));
  out.counter("memory_reports", "Aggregations of DAMON's that were told of.").add(static_cast<double>(counts_.reports));
  out.counter("memory_page_queries", "Times the kernel was asked where pages lie.").add(static_cast<double>(counts_.page_queries));
  out.counter("memory_watches", "Times DAMON was set to watch a process.").add(static_cast<double>(counts_.started));
  out.counter("memory_hints", "Changes of what a process's tasks prefer.").add(static_cast<double>(counts_.hints));
  out.counter("memory_pressure_events", "Times that tasks were seen to stall for want of memory.").add(static_cast<double>(counts_.pressure));
  if (events_) {
    out.counter("memory_aggregations", "Aggregations of DAMON's that were summed up in the kernel.").add(static_cast<double>(events_->aggregations()));
    out.counter("memory_lost", "Records that did not fit the ring.").add(static_cast<double>(events_->lost()));
  }
}

}  // namespace vigil::app
