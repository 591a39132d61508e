// SPDX-License-Identifier: GPL-2.0-only
//
// Which CPUs there are, their cores and packages, and what they say of themselves.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "core/topology/parts.hpp"

namespace vigil::topology {

namespace {

// One entry of /proc/cpuinfo is far smaller; what matters is said of the first CPU.
constexpr std::size_t kCpuinfoHead = 16 * 1024;

std::pair<std::string_view, std::string_view> key_and_value(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return {trim_space(line), ""};
  return {trim_space(line.substr(0, colon)), trim_space(line.substr(colon + 1))};
}

// CPUs that only /proc/cpuinfo names, when /sys says nothing at all.
CpuSet cpus_of_cpuinfo(Reader& reader) {
  CpuSet set;
  const auto text = reader.tree().read_head("proc/cpuinfo", 4 * 1024 * 1024);
  if (!text) return set;
  for (const auto line : split(*text, '\n')) {
    const auto [key, value] = key_and_value(line);
    if (key != "processor") continue;
    if (const auto n = parse_number<std::uint32_t>(value)) set.add(*n);
  }
  return set;
}

}  // namespace

Processor read_processor(Reader& reader) {
  Processor processor;
  const auto text = reader.tree().read_head("proc/cpuinfo", kCpuinfoHead);
  if (!text) return processor;
  for (const auto line : split(*text, '\n')) {
    const auto [key, value] = key_and_value(line);
    if (key == "vendor_id" && processor.vendor == Vendor::unknown) {
      processor.vendor = value == "AuthenticAMD" || value == "HygonGenuine" ? Vendor::amd
                         : value == "GenuineIntel"                          ? Vendor::intel
                                                                            : Vendor::other;
    } else if (key == "CPU implementer") {
      processor.vendor = Vendor::arm;
    } else if (key == "cpu family" && !processor.family) {
      processor.family = parse_number<std::uint32_t>(value).value_or(0);
    } else if (key == "model" && !processor.model) {
      processor.model = parse_number<std::uint32_t>(value).value_or(0);
    } else if ((key == "model name" || key == "cpu model" || key == "Processor") && processor.name.empty()) {
      processor.name = printable(value.substr(0, 100));
    } else if (key == "flags" && !processor.hypervisor) {
      for (const auto flag : split(value, ' ')) processor.hypervisor |= flag == "hypervisor";
    }
  }
  if (reader.text("sys/hypervisor/type").value_or("").size() > 1) processor.hypervisor = true;
  return processor;
}

void read_cpus(Reader& reader, Topology& topology) {
  CpuSet folders;
  for (const auto n : reader.numbered(kCpuFolder.substr(0, kCpuFolder.size() - 1), "cpu")) {
    if (n < kMaxCpus)
      folders.add(n);
    else
      reader.notes().add("CPU numbers from " + std::to_string(kMaxCpus) + " on are not looked at");
  }
  CpuSet online;
  if (const auto* set = reader.cpu_list(kCpuFolder + "online"); set && !set->empty()) {
    online = *set;
    if (!folders.empty() && !online.is_subset_of(folders))
      reader.notes().add(cpu_words(online - folders) + " are online, but there is nothing about them in " + kCpuFolder);
  } else if (!folders.empty()) {
    for (const auto cpu : folders.to_vector())
      if (reader.text(cpu_folder(cpu) + "online").value_or("1") != "0") online.add(cpu);
    reader.notes().add("the list of online CPUs is missing; taken from the CPUs' own folders");
  } else {
    online = cpus_of_cpuinfo(reader);
    for (const auto node : reader.numbered("sys/devices/system/node", "node"))
      if (const auto* cpus = reader.cpu_list("sys/devices/system/node/node" + std::to_string(node) + "/cpulist"))
        online = online | *cpus;
    reader.notes().add(online.empty() ? "no CPU is to be seen: this is not the /sys of a Linux machine"
                                      : "/sys says nothing about CPUs; their numbers are from elsewhere in the tree");
  }
  CpuSet known = online | folders;
  if (const auto* present = reader.cpu_list(kCpuFolder + "present")) known = known | *present;

  std::map<std::uint32_t, CpuSet> packages;
  CpuSet unnumbered;
  for (const auto id : known.to_vector()) {
    Cpu cpu{.id = id, .online = online.contains(id)};
    if (folders.contains(id)) {
      cpu.package = reader.index(cpu_folder(id) + "topology/physical_package_id");
      cpu.capacity = reader.small_number(cpu_folder(id) + "cpu_capacity");
    }
    if (cpu.online && !cpu.package) {
      cpu.package = 0;
      unnumbered.add(id);
    }
    if (cpu.online) packages[*cpu.package].add(id);
    topology.cpus.push_back(std::move(cpu));
  }
  if (!unnumbered.empty())
    reader.notes().add("the package of " + cpu_words(unnumbered) + " is not told; taken as package 0");
  for (auto& [id, cpus] : packages) topology.packages.push_back({id, std::move(cpus)});
}

void read_cores(Reader& reader, Topology& topology) {
  const CpuSet online = topology.online();
  // Without any list of siblings, CPUs with the same package and core number are taken for one core.
  std::map<std::pair<std::uint32_t, std::uint32_t>, CpuSet> by_number;
  std::map<std::uint32_t, const CpuSet*> told;
  std::map<std::uint32_t, const CpuSet*> numbered;
  for (const auto id : online.to_vector()) {
    const std::string folder = cpu_folder(id) + "topology/";
    const CpuSet* set = reader.cpu_list(folder + "core_cpus_list", folder + "core_cpus");
    if (!set) set = reader.cpu_list(folder + "thread_siblings_list", folder + "thread_siblings");
    told[id] = set;
    if (set && !set->contains(id))
      reader.notes().add("CPU " + std::to_string(id) + " is not among its own SMT siblings (" + set->to_string() + ")");
    if (!set)
      if (const auto core = reader.index(folder + "core_id")) {
        auto& same = by_number[{*find_cpu(topology, id)->package, *core}];
        same.add(id);
        numbered[id] = &same;
      }
  }
  for (const auto id : online.to_vector()) {
    auto* cpu = find_cpu(topology, id);
    if (cpu->core) continue;
    CpuSet members;
    members.add(id);
    if (const auto* set = told[id]) {
      for (const auto other : (*set & online).to_vector()) {
        if (other == id || find_cpu(topology, other)->core) continue;
        if (told[other] && told[other]->contains(id))
          members.add(other);
        else
          reader.notes().add("CPU " + std::to_string(id) + " names CPU " + std::to_string(other) +
                             " as its SMT sibling, but not the other way round; taken as two cores");
      }
    } else if (numbered.contains(id)) {
      members = members | *numbered[id];
    }
    const auto index = static_cast<std::uint32_t>(topology.cores.size());
    CpuSet core;
    for (const auto member : members.to_vector()) {
      auto* sibling = find_cpu(topology, member);
      if (sibling->core) continue;
      sibling->core = index;
      core.add(member);
      if (sibling->package != cpu->package)
        reader.notes().add("the core of " + cpu_words(members) + " lies in two packages");
    }
    topology.threads_per_core = std::max(topology.threads_per_core, core.count());
    topology.cores.push_back({std::move(core)});
  }
}

namespace {

// Frequencies and ranks by cpufreq policy, so that each is read once for all its CPUs.
struct Policy {
  std::optional<std::uint32_t> max_khz, ranking, amd_highest;
};

Policy read_policy(Reader& reader, const std::string& folder) {
  return {.max_khz = reader.small_number(folder + "cpuinfo_max_freq"),
          .ranking = reader.small_number(folder + "amd_pstate_prefcore_ranking"),
          .amd_highest = reader.small_number(folder + "amd_pstate_highest_perf")};
}

std::map<std::uint32_t, Policy> read_policies(Reader& reader, const CpuSet& online) {
  std::map<std::uint32_t, Policy> out;
  for (const auto n : reader.numbered(kCpuFolder + "cpufreq", "policy")) {
    const std::string folder = kCpuFolder + "cpufreq/policy" + std::to_string(n) + "/";
    const Policy policy = read_policy(reader, folder);
    CpuSet members;  // separated by spaces, not a cpulist
    const auto related = reader.text(folder + "related_cpus").value_or("");
    for (const auto part : split(related, ' '))
      if (const auto cpu = parse_number<std::uint32_t>(part)) members.add(*cpu);
    if (members.empty() && n < kMaxCpus) members.add(n);
    for (const auto cpu : (members & online).to_vector()) out[cpu] = policy;
  }
  for (const auto cpu : online.to_vector())
    if (!out.contains(cpu)) out[cpu] = read_policy(reader, cpu_folder(cpu) + "cpufreq/");
  return out;
}

std::vector<Cache> read_caches(Reader& reader, std::uint32_t cpu) {
  std::vector<Cache> out;
  const std::string folder = cpu_folder(cpu) + "cache/";
  for (const auto n : reader.numbered(folder.substr(0, folder.size() - 1), "index")) {
    const std::string index = folder + "index" + std::to_string(n) + "/";
    Cache cache;
    cache.level = reader.small_number(index + "level").value_or(0);
    if (cache.level < 2 || cache.level > 8) continue;
    if (reader.text(index + "type").value_or("") == "Instruction") continue;
    cache.shared = reader.cpu_list(index + "shared_cpu_list", index + "shared_cpu_map");
    if (const auto size = reader.text(index + "size"); size && !size->empty()) {
      cache.size_kib = parse_cache_size(*size);
      if (!cache.size_kib)
        reader.notes().add(index + "size says '" + printable(size->substr(0, 40)) + "', which is no size; taken as unknown");
      if (cache.size_kib == 0) cache.size_kib.reset();
    }
    if (cache.shared && cache.shared->empty()) cache.shared = nullptr;
    if (cache.level == 3) cache.id = reader.index(index + "id");
    out.push_back(cache);
  }
  return out;
}

}  // namespace

const Cache* CpuDetail::level(std::uint32_t wanted) const {
  for (const auto& cache : caches)
    if (cache.level == wanted) return &cache;
  return nullptr;
}

CpuDetails read_details(Reader& reader, Topology& topology, const Processor& processor, const CpuidProvider& cpuid) {
  CpuDetails details;
  const CpuSet online = topology.online();
  auto policies = read_policies(reader, online);
  bool amd = processor.vendor == Vendor::amd;
  std::set<std::uint32_t> values;
  for (auto& cpu : topology.cpus) {
    if (!cpu.online) continue;
    auto& detail = details[cpu.id];
    const auto& policy = policies[cpu.id];
    cpu.max_khz = policy.max_khz;
    detail.caches = read_caches(reader, cpu.id);
    detail.die = reader.index(cpu_folder(cpu.id) + "topology/die_id");
    if (cpuid) detail.cpuid = cpuid(cpu.id);
    detail.perf = policy.ranking;
    if (!detail.perf) detail.perf = reader.small_number(cpu_folder(cpu.id) + "acpi_cppc/highest_perf");
    if (!detail.perf) detail.perf = policy.amd_highest;
    amd = amd || policy.ranking || policy.amd_highest;
    if (detail.perf == 0 || (amd && detail.perf == 255)) detail.perf.reset();  // AMD's "not known"
    if (detail.perf) values.insert(*detail.perf);
  }
  if (values.size() > 1) {
    for (auto& cpu : topology.cpus)
      if (cpu.online) cpu.rank = details[cpu.id].perf;
  } else if (values.size() == 1) {
    reader.notes().add("firmware ranks all CPUs alike (" + std::to_string(*values.begin()) + "), so it prefers none");
  }
  // Which dies the x3d driver found is told by the caches; the mode only by the driver.
  const std::string driver = "sys/bus/platform/drivers/amd_x3d_vcache";
  for (const auto& device : reader.tree().list(driver))
    if (auto mode = reader.text(driver + "/" + device + "/amd_x3d_mode"); mode && !mode->empty())
      topology.x3d_mode = printable(*mode);
  return details;
}

}  // namespace vigil::topology
