// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/sources.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>

#include "base/text.hpp"
#include "core/topology/reader.hpp"

namespace vigil::memory {

using topology::Devices;
using topology::Notes;
using topology::Reader;
using topology::Topology;
using topology::Tree;

std::string_view to_string(PmuKind kind) {
  switch (kind) {
    case PmuKind::cxl: return "cxl";
    case PmuKind::intel_imc: return "intel_imc";
    case PmuKind::intel_cxl: return "intel_cxl";
    case PmuKind::amd_umc: return "amd_umc";
    case PmuKind::amd_df: return "amd_df";
  }
  return "cxl";
}

namespace {

using Purpose = CounterGroup::Purpose;

const std::string kBus = "sys/bus/event_source/devices";
constexpr std::size_t kMaxSources = 256;

// An event source as sysfs describes it.
struct Described {
  std::string name;
  std::string folder;
  std::uint32_t type = 0;
  CpuSet cpus;
  PmuFormat format;
};

struct Event {
  EventCode code{};
  std::optional<double> bytes;  // of one count, where the source says so
};

bool is_numbered(std::string_view name, std::string_view stem) {
  return name.starts_with(stem) && parse_number<std::uint32_t>(name.substr(stem.size()));
}

std::optional<PmuKind> kind_of(std::string_view name) {
  if (name.starts_with("cxl_pmu_mem")) return PmuKind::cxl;
  if (name == "uncore_imc" || is_numbered(name, "uncore_imc_") || is_numbered(name, "uncore_imc_free_running_")) return PmuKind::intel_imc;
  if (name.starts_with("uncore_cxl")) return PmuKind::intel_cxl;
  if (name == "amd_umc" || is_numbered(name, "amd_umc_")) return PmuKind::amd_umc;
  if (name == "amd_df" || is_numbered(name, "amd_df_")) return PmuKind::amd_df;
  return std::nullopt;
}

class Finder {
 public:
  Finder(const Tree& tree, const Topology& topology, const Devices& devices)
      : tree_(tree), topology_(topology), devices_(devices), reader_(tree, notes_) {}

  PmuSources find();

 private:
  using Names = std::vector<std::string_view>;

  void look_at(const std::string& name, PmuKind kind);
  std::optional<Described> describe(const std::string& name);
  std::optional<Event> event(const Described& pmu, std::string_view name);
  // The events of these names that there are; their sum.
  std::optional<Counter> any_of(const Described& pmu, Count what, const Names& names);
  // The first of the lists of which all names exist.
  std::optional<Counter> all_of(const Described& pmu, Count what, std::span<const Names> lists);
  std::optional<Counter> counter(const Described& pmu, Count what, const std::vector<Event>& events) const;

  std::vector<CounterGroup> cxl_groups(const Described& pmu);
  void add_processor_sources(const Described& pmu, PmuKind kind);
  void add(PmuSource source);
  std::optional<std::uint32_t> node_of(const CpuSet& mask, std::uint32_t cpu);
  void group_by_node();

  const Tree& tree_;
  const Topology& topology_;
  const Devices& devices_;
  Notes notes_;
  Reader reader_;
  PmuSources out_;
  std::set<PmuKind> unusable_;  // some source of the kind cannot be counted on
};

std::optional<Described> Finder::describe(const std::string& name) {
  Described pmu{.name = printable(name), .folder = kBus + "/" + name + "/", .cpus = {}, .format = {}};
  const auto type = reader_.small_number(pmu.folder + "type");
  const auto* cpus = reader_.cpu_list(pmu.folder + "cpumask");
  if (!type || !cpus || cpus->empty()) {
    notes_.add(pmu.name + " says neither what type it is nor on which CPU it counts; it is left alone");
    return std::nullopt;
  }
  pmu.type = *type;
  pmu.cpus = *cpus;
  for (const auto& field : tree_.list(pmu.folder + "format"))
    if (auto done = pmu.format.add(field, reader_.text(pmu.folder + "format/" + field).value_or("")); !done)
      notes_.add(pmu.name + ": " + done.error().message());
  return pmu;
}

std::optional<Event> Finder::event(const Described& pmu, std::string_view name) {
  const std::string file = pmu.folder + "events/" + std::string(name);
  const auto terms = reader_.text(file);
  if (!terms) return std::nullopt;
  const auto code = pmu.format.encode(*terms);
  if (!code) {
    notes_.add(pmu.name + ", event " + std::string(name) + ": " + code.error().message());
    return std::nullopt;
  }
  Event out{.code = *code, .bytes = {}};
  const auto scale = reader_.text(file + ".scale"), unit = reader_.text(file + ".unit");
  if (!scale && !unit) return out;
  const auto factor = parse_scale(scale.value_or("1")), size = bytes_in(unit.value_or(""));
  if (factor && size) out.bytes = *factor * *size;
  return out;
}

std::optional<Counter> Finder::counter(const Described& pmu, Count what, const std::vector<Event>& events) const {
  if (events.empty()) return std::nullopt;
  Counter out{.what = what, .parts = {}, .joined = {}};
  const bool bytes = what == Count::reads || what == Count::writes;
  if (bytes) out.unit = events[0].bytes.value_or(kLineBytes);
  out.joined = events[0].code;
  for (const auto& each : events) {
    if (bytes && each.bytes.value_or(kLineBytes) != out.unit) return std::nullopt;
    if (out.joined) out.joined = pmu.format.join(*out.joined, each.code, "mask");
    out.parts.push_back(each.code);
  }
  if (out.parts.size() == 1) out.joined.reset();
  return out;
}

std::optional<Counter> Finder::any_of(const Described& pmu, Count what, const Names& names) {
  std::vector<Event> events;
  for (const auto name : names)
    if (auto found = event(pmu, name)) events.push_back(*found);
  return counter(pmu, what, events);
}

std::optional<Counter> Finder::all_of(const Described& pmu, Count what, std::span<const Names> lists) {
  for (const auto& names : lists) {
    std::vector<Event> events;
    for (const auto name : names)
      if (auto found = event(pmu, name)) events.push_back(*found);
    if (!names.empty() && events.size() == names.size()) return counter(pmu, what, events);
  }
  return std::nullopt;
}

void add_group(std::vector<CounterGroup>& out, Purpose purpose, std::initializer_list<std::optional<Counter>> counters) {
  CounterGroup group{.purpose = purpose, .counters = {}};
  for (const auto& counter : counters)
    if (counter) group.counters.push_back(*counter);
  // Traffic is worth counting in one direction alone; the other numbers need all they are made of.
  if (group.counters.size() == counters.size() || (purpose == Purpose::traffic && !group.counters.empty())) out.push_back(std::move(group));
}

// Names and meanings: CXL specification 3.1, section 8.2.7 and table 13-5, as the driver spells them.
std::vector<CounterGroup> Finder::cxl_groups(const Described& pmu) {
  const auto one = [&](Count what, std::string_view name) { return any_of(pmu, what, {name}); };
  const auto data = one(Count::reads, "s2m_drs_memdata");
  const auto cas_reads = one(Count::dram_reads, "ddr_casrd");
  std::optional<Counter> writes;
  if (event(pmu, "m2s_rwd_memwr")) writes = any_of(pmu, Count::writes, {"m2s_rwd_memwr", "m2s_rwd_memwrptl"});

  std::vector<CounterGroup> groups;
  add_group(groups, Purpose::traffic,
            {data ? data : one(Count::reads, "ddr_casrd"), writes ? writes : one(Count::writes, "ddr_caswr")});
  add_group(groups, Purpose::device_cache, {data, cas_reads});
  add_group(groups, Purpose::snoops,
            {any_of(pmu, Count::snoops, {"h2d_req_snpdata", "h2d_req_snpinv", "h2d_req_snpcur"}),
             any_of(pmu, Count::snoop_hits, {"d2h_rsp_rspvhitv", "d2h_rsp_rspihitse", "d2h_rsp_rspshitse", "d2h_rsp_rspsfwdm",
                                             "d2h_rsp_rspifwdm", "d2h_rsp_rspvfwdv"})});
  // Little's law holds for what passes the queue: the reads of DRAM where they are counted, else all reads.
  const auto clocks = one(Count::clocks, "clock_ticks");
  const auto queue = [&](Count what, std::string_view first, std::string_view second) {
    const auto found = one(what, first);
    return found ? found : one(what, second);
  };
  const auto queued_reads = one(Count::reads, "ddr_casrd"), queued_writes = one(Count::writes, "ddr_caswr");
  add_group(groups, Purpose::read_latency,
            {clocks, queued_reads ? queued_reads : data, queue(Count::read_occupancy, "rd_queue_occ", "mc_rd_resid_cnt")});
  add_group(groups, Purpose::write_latency,
            {clocks, queued_writes ? queued_writes : writes, queue(Count::write_occupancy, "wr_queue_occ", "mc_wr_resid_cnt")});
  return groups;
}

// One source stands for the memory of a package, or of a die of it.
std::optional<std::uint32_t> Finder::node_of(const CpuSet& mask, std::uint32_t cpu) {
  const auto* own = topology_.find_cpu(cpu);
  if (!own || !own->package) return std::nullopt;
  std::set<std::uint32_t> nodes;
  std::vector<std::uint32_t> masked;
  for (const auto& each : topology_.cpus) {
    if (each.package != own->package || !each.node) continue;
    nodes.insert(*each.node);
    if (mask.contains(each.id)) masked.push_back(*each.node);
  }
  if (nodes.size() == 1) return *nodes.begin();
  if (own->node && masked.size() == nodes.size() && std::set(masked.begin(), masked.end()) == nodes) return own->node;
  return std::nullopt;
}

void Finder::add(PmuSource source) {
  if (out_.sources.size() < kMaxSources)
    out_.sources.push_back(std::move(source));
  else
    notes_.add("there are more than " + std::to_string(kMaxSources) + " event sources for memory; the rest is left alone");
}

void Finder::add_processor_sources(const Described& pmu, PmuKind kind) {
  struct Part {
    std::string suffix;
    std::vector<CounterGroup> groups;
  };
  std::vector<Part> parts;
  const auto traffic = [&](std::string suffix, std::span<const Names> reads, std::span<const Names> writes) {
    std::vector<CounterGroup> groups;
    add_group(groups, Purpose::traffic, {all_of(pmu, Count::reads, reads), all_of(pmu, Count::writes, writes)});
    if (!groups.empty()) parts.push_back({std::move(suffix), std::move(groups)});
  };
  if (kind == PmuKind::intel_imc) {
    // Server controllers, those with two sub-channels, and the free-running counters of desktops and servers.
    const std::array reads{Names{"cas_count_read"}, Names{"cas_count_read_sch0", "cas_count_read_sch1"}, Names{"data_read"},
                           Names{"data_reads"}, Names{"read"}};
    const std::array writes{Names{"cas_count_write"}, Names{"cas_count_write_sch0", "cas_count_write_sch1"}, Names{"data_write"},
                            Names{"data_writes"}, Names{"write"}};
    traffic("", reads, writes);
  } else if (kind == PmuKind::intel_cxl) {
    const std::array reads{Names{"unc_cxlcm_rxc_pack_buf_inserts.mem_data"}};
    const std::array writes{Names{"unc_cxldp_txc_agf_inserts.m2s_data"}};
    traffic("", reads, writes);
  } else if (kind == PmuKind::amd_umc) {
    const std::array reads{Names{"umc_cas_cmd.rd"}}, writes{Names{"umc_cas_cmd.wr"}};
    traffic("", reads, writes);
  } else {
    // A channel at a time: the fabric has fewer counters than channels, and a group must fit.
    for (unsigned channel = 0; channel < 32; ++channel) {
      const auto number = std::to_string(channel);
      const std::string read = "local_processor_read_data_beats_cs" + number, write = "local_processor_write_data_beats_cs" + number;
      const std::array reads{Names{read}}, writes{Names{write}};
      traffic("." + number, reads, writes);
    }
  }
  if (parts.empty()) {
    unusable_.insert(kind);
    notes_.add(pmu.name + " names no event for reads or writes of memory in sysfs, so it is left alone");
    return;
  }
  for (const auto cpu : pmu.cpus.to_vector())
    for (const auto& part : parts) {
      PmuSource source{.name = pmu.name + part.suffix, .pmu = pmu.name, .kind = kind, .type = pmu.type, .cpu = cpu, .device = {}, .node = {}, .groups = part.groups};
      if (pmu.cpus.count() > 1) source.name += "@" + std::to_string(cpu);
      if (kind != PmuKind::intel_cxl) source.node = node_of(pmu.cpus, cpu);
      add(std::move(source));
    }
}

void Finder::look_at(const std::string& name, PmuKind kind) {
  const auto pmu = describe(name);
  if (!pmu) {
    unusable_.insert(kind);
    return;
  }
  if (kind != PmuKind::cxl) return add_processor_sources(*pmu, kind);

  PmuSource source{.name = pmu->name, .pmu = pmu->name, .kind = kind, .type = pmu->type, .cpu = pmu->cpus.first(), .device = {}, .node = {}, .groups = cxl_groups(*pmu)};
  if (source.groups.empty()) {
    notes_.add(pmu->name + " counts nothing that Vigil knows the meaning of, so it is left alone");
    return;
  }
  const auto device = name.substr(8, name.find('.') - 8);  // "mem0"
  const auto known = std::find_if(devices_.cxl.begin(), devices_.cxl.end(), [&](const auto& memory) { return memory.name == device; });
  source.device = printable(device);
  if (known != devices_.cxl.end()) source.node = known->node;
  add(std::move(source));
}

void Finder::group_by_node() {
  std::map<std::uint32_t, NodeSources> nodes;
  const auto both_ways = [&](const PmuSource& source) {
    return std::any_of(source.groups.begin(), source.groups.end(),
                       [](const CounterGroup& group) { return group.purpose == Purpose::traffic && group.counters.size() == 2; });
  };
  std::map<std::uint32_t, std::set<std::string>> counted;  // CXL devices by node
  for (std::size_t i = 0; i < out_.sources.size(); ++i) {
    const auto& source = out_.sources[i];
    if (!source.node) continue;
    auto& node = nodes.try_emplace(*source.node, NodeSources{.node = *source.node, .sources = {}, .complete = true}).first->second;
    if (!source.device) node.complete &= both_ways(source) && !unusable_.contains(source.kind);
    // A device may have several CPMUs; what its link moves is counted once. Those that do not count it speak for themselves.
    if (!both_ways(source) || (source.device && !counted[*source.node].insert(*source.device).second)) continue;
    node.sources.push_back(i);
  }
  for (const auto& memory : devices_.cxl)
    if (memory.node)
      if (const auto node = nodes.find(*memory.node); node != nodes.end()) node->second.complete &= counted[*memory.node].contains(memory.name);
  for (auto& [id, node] : nodes) out_.nodes.push_back(std::move(node));
}

PmuSources Finder::find() {
  std::map<PmuKind, std::vector<std::string>> names;
  for (const auto& name : tree_.list(kBus))
    if (const auto kind = kind_of(name)) names[*kind].push_back(name);
  // Free-running counters count the same traffic again; desktops have no others.
  auto& controllers = names[PmuKind::intel_imc];
  const auto is_free_running = [](const std::string& name) { return name.starts_with("uncore_imc_free_running"); };
  if (!std::all_of(controllers.begin(), controllers.end(), is_free_running)) std::erase_if(controllers, is_free_running);
  for (const auto& [kind, of_kind] : names) {
    if (kind == PmuKind::amd_df && std::any_of(out_.sources.begin(), out_.sources.end(), [](const PmuSource& source) { return source.kind == PmuKind::amd_umc; }))
      continue;  // the same traffic, a level above
    for (const auto& name : of_kind) look_at(name, kind);
  }
  group_by_node();
  out_.notes = notes_.take();
  return std::move(out_);
}

bool is_virtual(const Tree& tree) {
  const auto head = tree.read_head("proc/cpuinfo", 8192).value_or("");
  return head.find(" hypervisor") != std::string::npos;
}

}  // namespace

PmuSources find_pmu_sources(const Tree& tree, const Topology& topology, const Devices& devices) {
  return Finder(tree, topology, devices).find();
}

std::optional<PmuAdvice> advise_on_pmu(const Tree& tree, const Devices& devices, const PmuSources& found) {
  std::string bare;
  for (const auto& memory : devices.cxl)
    if (!memory.pmu) bare += (bare.empty() ? "" : ", ") + memory.name;
  if (!bare.empty())
    return PmuAdvice{"The CXL memory " + bare + " has no event source (cxl_pmu), so its traffic and latency are unknown.",
                     "Use a kernel with CONFIG_CXL_PMU (6.5 or later; Debian's leave it out) and load cxl_pmu; a device without a CPMU has none."};
  if (!found.sources.empty()) return std::nullopt;
  if (!found.notes.empty())
    return PmuAdvice{"No event source counts memory traffic, so bandwidth and latency of memory are unknown: " + found.notes.front() + ".",
                     "A newer kernel may name the events; placement by topology and firmware tables works without."};
  if (is_virtual(tree))
    return PmuAdvice{"This virtual machine shows no memory counters, so bandwidth and latency of memory are unknown.",
                     "Nothing need be done: placement by topology and firmware tables works without. `--simulate cxl` shows what they would look like."};
  const auto cpuinfo = tree.read_head("proc/cpuinfo", 8192).value_or("");
  if (cpuinfo.find("GenuineIntel") != std::string::npos)
    return PmuAdvice{"No event source counts memory traffic (uncore_imc), so bandwidth and latency of memory are unknown.",
                     "Load the uncore driver: sudo modprobe intel_uncore"};
  return PmuAdvice{"No event source counts memory traffic, so bandwidth and latency of memory are unknown.",
                   "Load the processor's uncore driver (AMD: amd_uncore), or a kernel that has one."};
}

}  // namespace vigil::memory
