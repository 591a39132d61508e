// SPDX-License-Identifier: GPL-2.0-only
//
// Which CPUs share a last-level cache, which of those lie on one die, and which L3 is stacked.
#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "core/topology/parts.hpp"

namespace vigil::topology {

namespace {

// The cache whose sharers the scheduler keeps together: the third level, or else the last one that more than a
// core shares. A second level of one core alone bounds nothing.
const Cache* last_level(const Topology& topology, const Cpu& cpu, const CpuDetail& detail) {
  if (const auto* l3 = detail.level(3); l3 && l3->shared) return l3;
  const Cache* best = nullptr;
  for (const auto& cache : detail.caches) {
    if (!cache.shared || cache.shared->is_subset_of(topology.cores[*cpu.core].cpus)) continue;
    if (!best || cache.level > best->level) best = &cache;
  }
  return best;
}

const Llc* llc_of(const Topology& topology, const Cpu& cpu) { return cpu.llc ? &topology.llcs[*cpu.llc] : nullptr; }

struct LlcFacts {
  std::uint32_t cores = 0;
  std::uint64_t l2_kib = 0;
  std::uint32_t max_khz = 0;
  std::uint32_t capacity = 0;
  std::optional<std::uint32_t> id;
};

LlcFacts facts_of(const Topology& topology, const Llc& llc, const CpuDetails& details) {
  LlcFacts facts;
  std::set<std::uint32_t> cores;
  for (const auto id : llc.cpus.to_vector()) {
    const auto* cpu = topology.find_cpu(id);
    const auto& detail = details.at(id);
    cores.insert(*cpu->core);
    if (const auto* l2 = detail.level(2)) facts.l2_kib = std::max(facts.l2_kib, l2->size_kib.value_or(0));
    if (const auto* l3 = detail.level(3); l3 && l3->id && !facts.id) facts.id = l3->id;
    facts.max_khz = std::max(facts.max_khz, cpu->max_khz.value_or(0));
    facts.capacity = std::max(facts.capacity, cpu->capacity.value_or(0));
  }
  facts.cores = static_cast<std::uint32_t>(cores.size());
  return facts;
}

}  // namespace

void group_llcs(Reader& reader, Topology& topology, const CpuDetails& details) {
  const CpuSet online = topology.online();
  CpuSet without;
  std::map<std::uint32_t, const Cache*> chosen;
  for (const auto& cpu : topology.cpus)
    if (cpu.online) chosen[cpu.id] = last_level(topology, cpu, details.at(cpu.id));

  // CPUs without a cache they share with another core stand together by package and node: the narrowest thing
  // the tree still tells.
  std::map<std::pair<std::uint32_t, std::optional<std::uint32_t>>, CpuSet> rest;
  for (const auto& cpu : topology.cpus)
    if (cpu.online && !chosen[cpu.id]) {
      rest[{*cpu.package, cpu.node}].add(cpu.id);
      without.add(cpu.id);
    }

  for (const auto id : online.to_vector()) {
    auto* cpu = find_cpu(topology, id);
    if (cpu->llc) continue;
    Llc llc{.package = *cpu->package};
    if (const Cache* cache = chosen[id]) {
      llc.level = cache->level;
      llc.size_kib = cache->size_kib;
      llc.cpus.add(id);
      if (!cache->shared->contains(id))
        reader.notes().add("CPU " + std::to_string(id) + " is not among those that share its own L" +
                           std::to_string(cache->level) + " (" + cache->shared->to_string() + ")");
      for (const auto other : (*cache->shared & online).to_vector()) {
        if (other == id || find_cpu(topology, other)->llc) continue;
        const Cache* theirs = chosen[other];
        if (!theirs || theirs->level != cache->level || !theirs->shared->contains(id)) {
          reader.notes().add("CPU " + std::to_string(id) + " says it shares its L" + std::to_string(cache->level) +
                             " with CPU " + std::to_string(other) + ", but not the other way round; taken as apart");
          continue;
        }
        llc.cpus.add(other);
        if (find_cpu(topology, other)->package != cpu->package)
          reader.notes().add("the L" + std::to_string(cache->level) + " of CPU " + std::to_string(id) + " and CPU " +
                             std::to_string(other) + " lies in two packages");
        if (theirs->size_kib != cache->size_kib)
          reader.notes().add("CPU " + std::to_string(id) + " and CPU " + std::to_string(other) +
                             " share a cache, but give it different sizes; the larger one is taken");
        if (theirs->size_kib && theirs->size_kib > llc.size_kib) llc.size_kib = theirs->size_kib;
      }
    } else {
      llc.cpus = rest[{*cpu->package, cpu->node}];
      // One core alone: the cache is not shared, but its size is known.
      const auto& detail = details.at(id);
      if (llc.cpus.is_subset_of(topology.cores[*cpu->core].cpus) && !detail.caches.empty()) {
        llc.level = detail.caches.back().level;
        llc.size_kib = detail.caches.back().size_kib;
      }
    }
    const auto index = static_cast<std::uint32_t>(topology.llcs.size());
    for (const auto member : llc.cpus.to_vector()) find_cpu(topology, member)->llc = index;
    topology.llcs.push_back(std::move(llc));
  }
  if (!without.empty() && without.count() > topology.threads_per_core)
    reader.notes().add("no cache that several cores share is told for " + cpu_words(without) +
                       "; what lies in one package and node is taken together");
}

void group_ccds(Reader& reader, Topology& topology, const CpuDetails& details, const Processor& processor) {
  // A key per LLC; LLCs with the same key lie on one die.
  using Key = std::tuple<int, std::uint32_t, std::uint32_t>;
  std::vector<Key> keys(topology.llcs.size());

  std::map<std::uint32_t, std::set<std::uint32_t>> dies_of_package;
  std::map<std::uint32_t, bool> die_cuts_llc;
  std::map<std::uint32_t, std::uint32_t> llcs_of_package;
  std::vector<std::uint32_t> place_in_package;
  for (const auto& llc : topology.llcs) {
    std::set<std::uint32_t> dies;
    for (const auto id : llc.cpus.to_vector())
      if (const auto die = details.at(id).die) dies.insert(*die);
    place_in_package.push_back(llcs_of_package[llc.package]++);
    dies_of_package[llc.package].insert(dies.begin(), dies.end());
    if (dies.size() > 1) die_cuts_llc[llc.package] = true;
  }

  // On these the two L3s of a die have neighbouring numbers, and a bare-metal kernel without CPUID leaf
  // 0x80000026 puts the whole package into one die: Zen and Zen+ (Naples, Summit and Pinnacle Ridge), Zen 2 (Rome,
  // Castle Peak, Matisse), Zen 4c (Bergamo, Siena).
  const bool paired = processor.vendor == Vendor::amd && !processor.hypervisor &&
                      ((processor.family == 0x17 && (processor.model == 0x01 || processor.model == 0x08 ||
                                                      processor.model == 0x31 || processor.model == 0x71)) ||
                       (processor.family == 0x19 && processor.model >= 0xa0 && processor.model <= 0xaf));
  // Two unequal or equal L3s on the one die of a mobile processor: Renoir, Lucienne, Strix Point.
  const bool monolithic = processor.vendor == Vendor::amd && !processor.hypervisor &&
                          ((processor.family == 0x17 && processor.model >= 0x60 && processor.model <= 0x6f) ||
                           (processor.family == 0x1a && processor.model >= 0x20 && processor.model <= 0x2f));
  bool said_paired = false, said_cut = false;
  for (std::size_t i = 0; i < topology.llcs.size(); ++i) {
    const auto& llc = topology.llcs[i];
    const auto number = static_cast<std::uint32_t>(i);
    keys[i] = {0, llc.package, number};
    const auto& first = details.at(llc.cpus.first());
    if (first.cpuid && first.cpuid->ccd) {
      keys[i] = {1, llc.package, *first.cpuid->ccd};
    } else if (dies_of_package[llc.package].size() > 1) {
      if (!die_cuts_llc[llc.package] && first.die) {
        keys[i] = {2, llc.package, *first.die};
      } else if (!std::exchange(said_cut, true)) {
        reader.notes().add("the kernel's dies cut through shared caches; each last-level cache is taken as a die");
      }
    } else if (monolithic && llc.level == 3) {
      keys[i] = {4, llc.package, 0};
    } else if (const auto facts = facts_of(topology, llc, details);
               paired && llcs_of_package[llc.package] > 1 && llc.level == 3) {
      // Old kernels do not number caches: then by order, which is right as long as none is offline as a whole.
      keys[i] = {3, llc.package, (facts.id ? *facts.id : place_in_package[i]) / 2};
      if (!std::exchange(said_paired, true))
        reader.notes().add("the kernel does not tell the dies; on this processor two neighbouring L3s make one");
    }
  }
  std::map<Key, std::uint32_t> numbers;
  for (std::size_t i = 0; i < topology.llcs.size(); ++i) {
    const auto [it, is_new] = numbers.try_emplace(keys[i], static_cast<std::uint32_t>(topology.ccds.size()));
    if (is_new) topology.ccds.emplace_back();
    auto& llc = topology.llcs[i];
    llc.ccd = it->second;
    topology.ccds[llc.ccd].cpus = topology.ccds[llc.ccd].cpus | llc.cpus;
  }
  for (auto& cpu : topology.cpus)
    if (const auto* llc = llc_of(topology, cpu)) cpu.ccd = llc->ccd;
}

// What is known about stacked L3 (all AMD's so far): a cache die of 64 MiB lies on a core complex that has at most
// 32 MiB of its own, so a complex with more than 64 MiB has one, whether or not its neighbours do. No complex
// reaches that otherwise (Strix Point's unequal 16 and 8 MiB are two kinds of complexes; server parts of other
// makers reach it with many cores). The name of the processor and the kernel's x3d driver are evidence, too. In a
// guest sizes are made up or scaled: there, complexes alike in all but L3 count.
void find_vcache(Reader& reader, Topology& topology, const CpuDetails& details, const Processor& processor) {
  constexpr std::uint64_t kMiB = 1024;
  const bool named = processor.name.find("X3D") != std::string::npos;
  const bool maybe_amd = processor.vendor == Vendor::amd || processor.vendor == Vendor::unknown;
  // A guest's CPU vendor can be a disguise: no Intel processor has AMD's families.
  const bool guest = processor.hypervisor || (processor.vendor == Vendor::intel && processor.family >= 0x17);

  for (const auto& package : topology.packages) {
    std::vector<Llc*> llcs;
    for (auto& llc : topology.llcs)
      if (llc.package == package.id && llc.level == 3 && llc.size_kib) llcs.push_back(&llc);
    if (llcs.empty()) continue;
    std::vector<LlcFacts> facts;
    for (const auto* llc : llcs) facts.push_back(facts_of(topology, *llc, details));
    const auto by_size = [](const Llc* a, const Llc* b) { return *a->size_kib < *b->size_kib; };
    const std::size_t smallest =
        static_cast<std::size_t>(std::min_element(llcs.begin(), llcs.end(), by_size) - llcs.begin());
    for (std::size_t i = 0; i < llcs.size(); ++i) {
      auto& llc = *llcs[i];
      const auto size = *llc.size_kib;
      llc.larger = size * 2 >= *llcs[smallest]->size_kib * 3;

      const bool size_says = maybe_amd && processor.family != 0x17 && size > 64 * kMiB && size < 128 * kMiB &&
                             facts[i].cores <= 16 && facts[i].l2_kib <= 1024 &&
                             // Without a vendor: more for each core than any cache that is not stacked.
                             (processor.vendor == Vendor::amd || size >= facts[i].cores * 9 * kMiB);
      const bool name_says = processor.vendor == Vendor::amd && named && (llc.larger || size > 64 * kMiB);
      const bool driver_says = topology.x3d_mode && llc.larger;
      const auto& other = facts[smallest];
      // One core more or less can be off line; larger cores would have the larger second level, too.
      const auto difference = facts[i].cores > other.cores ? facts[i].cores - other.cores : other.cores - facts[i].cores;
      const bool alike_but_l3 = guest && llc.larger && !topology.hybrid && difference <= 1 &&
                                facts[i].l2_kib <= other.l2_kib && facts[i].capacity == other.capacity &&
                                facts[i].max_khz <= other.max_khz + other.max_khz / 8;
      llc.vcache = size_says || name_says || driver_says || alike_but_l3;
      if (!llc.vcache && llc.larger)
        reader.notes().add("the L3 of " + cpu_words(llc.cpus) + " is larger than others of its package, but nothing "
                           "says that it is stacked");
      if (llc.vcache && !size_says && !name_says && !driver_says)
        reader.notes().add("the L3 of " + cpu_words(llc.cpus) + " is taken as stacked: in this guest its cores are like "
                           "the others in all but its size");
    }
    if (named && processor.vendor == Vendor::amd && std::none_of(llcs.begin(), llcs.end(), [](const Llc* llc) { return llc->vcache; }))
      reader.notes().add("the processor's name promises stacked L3, but no L3 has the size of one");
  }
  if (topology.x3d_mode && topology.vcache_cpus().empty())
    reader.notes().add("the kernel's x3d driver is there, but no L3 is larger than the others");
}

}  // namespace vigil::topology
