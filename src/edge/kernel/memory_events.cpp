// SPDX-License-Identifier: GPL-2.0-only
#include "edge/kernel/memory_events.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "abi.h"
#include "core/memory/domains.hpp"

extern "C" {
extern const std::byte vigil_bpf_memory_start[], vigil_bpf_memory_end[];
extern const std::byte vigil_bpf_damon_start[], vigil_bpf_damon_end[];
}

namespace vigil {

namespace {

static_assert(VIGIL_MEM_NODES == memory::kMaxNearNodes);

// A program whose tracepoint the kernel lacks is left out.
class Tracepoints {
 public:
  Tracepoints() : kernel_(btf__load_vmlinux_btf()) {}
  bool has(const char* name) const {
    return kernel_ && btf__find_by_name_kind(kernel_.get(), (std::string("btf_trace_") + name).c_str(), BTF_KIND_TYPEDEF) > 0;
  }

 private:
  Handle<btf, btf__free> kernel_;
};

void leave_out(const BpfObject& object, const char* program) {
  if (bpf_program* found = object.program(program)) bpf_program__set_autoload(found, false);
}

std::optional<MemoryEvent> decode(std::span<const std::byte> bytes) {
  vigil_mem_hdr header{};
  if (bytes.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  MemoryEvent out;
  switch (header.kind) {
    case VIGIL_MEM_SEEN: out.kind = MemoryEvent::Kind::seen; break;
    case VIGIL_MEM_BUSY: out.kind = MemoryEvent::Kind::busy; break;
    case VIGIL_MEM_GONE: out.kind = MemoryEvent::Kind::gone; break;
    case VIGIL_MEM_IDLE: out.kind = MemoryEvent::Kind::idle; break;
    case VIGIL_MEM_ACCESS: out.kind = MemoryEvent::Kind::access; break;
    default: return std::nullopt;
  }
  out.key = {header.tgid, header.start_ns};
  out.at_ns = header.at_ns;
  out.ran_ns = header.ran_ns;
  if (out.kind != MemoryEvent::Kind::access) return out;
  vigil_mem_access record{};
  if (bytes.size() < sizeof(record)) return std::nullopt;
  std::memcpy(&record, bytes.data(), sizeof(record));
  out.access.span_ns = record.span_ns;
  out.access.hot_bytes = record.hot_bytes;
  out.access.warm_bytes = record.warm_bytes;
  out.access.cold_bytes = record.cold_bytes;
  out.access.page_uses = record.used;
  out.access.cost_ns = record.cost_ns;
  out.access.samples = record.samples;
  out.access.aggregations = record.aggregations;
  out.access.regions = record.regions;
  out.access.kdamond = record.kdamond;
  for (std::size_t i = 0; i < std::min<std::size_t>(record.nr_ranges, VIGIL_MEM_RANGES); ++i)
    out.access.hot.push_back({record.ranges[i].start, record.ranges[i].end});
  return out;
}

}  // namespace

Result<MemoryEvents> MemoryEvents::load(const BpfObject& events) {
  MemoryEvents out;
  auto object = BpfObject::open("memory", {vigil_bpf_memory_start, vigil_bpf_memory_end});
  if (!object) return fail(std::move(object).error());
  out.memory_ = std::move(*object);
  if (auto done = out.memory_.share_map(events, "tasks"); !done) return fail(std::move(done).error());
  if (!Tracepoints().has("sched_migrate_task")) leave_out(out.memory_, "on_migrate");
  if (auto done = out.memory_.load(); !done) return fail(std::move(done).error());

  auto config = MapMemory::map(out.memory_.map_fd("mem_config"), sizeof(vigil_mem_config), 1, true);
  if (!config) return fail(std::move(config).error());
  auto cpus = MapMemory::map(out.memory_.map_fd("mem_cpus"), sizeof(vigil_mem_cpu), VIGIL_MEM_CPUS, false);
  if (!cpus) return fail(std::move(cpus).error());
  out.config_ = std::move(*config);
  out.cpus_ = std::move(*cpus);
  std::memset(out.config_.as<vigil_mem_config>()->node, VIGIL_MEM_NO_NODE, VIGIL_MEM_CPUS);

  out.batch_ = std::make_unique<Batch>();
  out.ring_.reset(ring_buffer__new(
      out.fd(),
      [](void* context, void* data, std::size_t size) -> int {
        auto& batch = *static_cast<Batch*>(context);
        if (const auto event = decode({static_cast<const std::byte*>(data), size})) (*batch.on_event)(*event);
        if (--batch.left > 0) return 0;
        batch.full = true;
        return -ECANCELED;
      },
      out.batch_.get(), nullptr));
  if (!out.ring_) return fail_system("open the ring of memory events");
  return out;
}

Result<void> MemoryEvents::attach() {
  if (attached()) return {};
  for (const char* program : {"on_runtime", "on_migrate", "on_exit"}) {
    if (memory_.program_fd(program) < 0) continue;
    auto link = memory_.attach(program);
    if (!link) {
      links_.clear();
      return fail(std::move(link).error());
    }
    links_.push_back(std::move(*link));
  }
  return {};
}

void MemoryEvents::detach() {
  links_.clear();
  // Nobody hears of their exits any more.
  std::uint32_t tgid = 0;
  while (bpf_map_get_next_key(memory_.map_fd("mem_procs"), nullptr, &tgid) == 0)
    if (bpf_map_delete_elem(memory_.map_fd("mem_procs"), &tgid) < 0 && errno != ENOENT) break;
}

bool MemoryEvents::drain(std::size_t limit, const OnEvent& on_event) {
  *batch_ = Batch{&on_event, limit, false};
  ring_buffer__consume(ring_.get());
  return !batch_->full;
}

void MemoryEvents::set_nodes(std::span<const std::optional<std::uint32_t>> node_of_cpu) {
  auto* config = config_.as<vigil_mem_config>();
  for (std::size_t cpu = 0; cpu < VIGIL_MEM_CPUS; ++cpu) {
    const auto node = cpu < node_of_cpu.size() ? node_of_cpu[cpu] : std::nullopt;
    config->node[cpu] = node && *node < VIGIL_MEM_NODES ? static_cast<__u8>(*node) : VIGIL_MEM_NO_NODE;
  }
}

void MemoryEvents::set_busy_after(std::uint64_t ran_ns) { config_.as<vigil_mem_config>()->tell_ns = ran_ns; }
void MemoryEvents::tell_when_ran(const ProcKey& key, std::uint64_t ran_ns) {
  // The kernel adds to the entry all the time: what it added between look-up and update would be lost, so the moment to tell
  // is written with what was read, and the few microseconds of run time that may be missing shorten no decision.
  vigil_mem_proc proc{};
  const int fd = memory_.map_fd("mem_procs");
  if (bpf_map_lookup_elem(fd, &key.tgid, &proc) < 0 || proc.start_ns != key.start_ns) return;
  proc.tell_at = std::max<std::uint64_t>(ran_ns, 1);
  (void)bpf_map_update_elem(fd, &key.tgid, &proc, BPF_EXIST);
}

std::optional<ProcessRun> MemoryEvents::run_of(const ProcKey& key) const {
  vigil_mem_proc proc{};
  if (bpf_map_lookup_elem(memory_.map_fd("mem_procs"), &key.tgid, &proc) < 0 || proc.start_ns != key.start_ns) return std::nullopt;
  ProcessRun out;
  out.ran_ns = proc.ran_ns;
  out.node_moves = proc.moves;
  out.node_ns.assign(proc.node_ns, proc.node_ns + VIGIL_MEM_NODES);
  return out;
}

std::uint64_t MemoryEvents::busy_ns(std::uint32_t cpu) const {
  return cpu < VIGIL_MEM_CPUS ? __atomic_load_n(&cpus_.as<const vigil_mem_cpu>()[cpu].busy_ns, __ATOMIC_RELAXED) : 0;
}

Result<void> MemoryEvents::load_damon() {
  if (damon_loaded()) return {};
  const Tracepoints tracepoints;
  if (!tracepoints.has("damon_aggregated")) return fail("this kernel has no DAMON", ESRCH);
  auto object = BpfObject::open("damon", {vigil_bpf_damon_start, vigil_bpf_damon_end});
  if (!object) return fail(std::move(object).error());
  if (!tracepoints.has("mm_migrate_pages")) leave_out(*object, "on_migrated");
  for (const char* map : {"mem_events", "mem_procs"})
    if (auto done = object->share_map(memory_, map); !done) return done;
  if (auto done = object->load(); !done) return done;
  damon_ = std::move(*object);
  return {};
}

Result<void> MemoryEvents::listen(std::uint32_t kdamond, const ProcKey& process, std::uint32_t samples) {
  vigil_damon_target target{};
  target.tgid = process.tgid;
  target.start_ns = process.start_ns;
  target.max_accesses = samples;
  const int fd = damon_.map_fd("damon_targets");
  if (bpf_map_update_elem(fd, &kdamond, &target, BPF_NOEXIST) < 0) {
    if (errno != EEXIST) return fail_system("listen to a kdamond");
    // Listened to already: only what it is asked for changes; the sums begin anew.
    if (bpf_map_update_elem(fd, &kdamond, &target, BPF_EXIST) < 0) return fail_system("listen to a kdamond");
    return {};
  }
  ++listening_;
  if (!damon_links_.empty()) return {};
  for (const char* program : {"on_aggregated", "on_migrated"}) {
    if (damon_.program_fd(program) < 0) continue;
    auto link = damon_.attach(program);
    if (!link) {
      ignore(kdamond);
      return fail(std::move(link).error());
    }
    damon_links_.push_back(std::move(*link));
  }
  return {};
}

void MemoryEvents::ignore(std::uint32_t kdamond) {
  if (!damon_loaded() || bpf_map_delete_elem(damon_.map_fd("damon_targets"), &kdamond) < 0) return;
  if (--listening_ == 0) damon_links_.clear();
}

std::uint64_t MemoryEvents::global(const BpfObject& object, const char* name) const {
  if (!object.get()) return 0;
  const btf* types = bpf_object__btf(object.get());
  const int section = btf__find_by_name_kind(types, ".bss", BTF_KIND_DATASEC);
  bpf_map* map = object.map(".bss");
  std::size_t bytes = 0;
  const auto* data = map ? static_cast<const std::byte*>(bpf_map__initial_value(map, &bytes)) : nullptr;  // mapped after load
  if (section < 0 || !data) return 0;
  const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(section));
  for (int i = 0; i < btf_vlen(type); i++) {
    const auto& entry = btf_var_secinfos(type)[i];
    if (std::strcmp(btf__name_by_offset(types, btf__type_by_id(types, entry.type)->name_off), name) != 0) continue;
    std::uint64_t value = 0;
    if (entry.offset + sizeof(value) <= bytes) std::memcpy(&value, data + entry.offset, sizeof(value));
    return value;
  }
  return 0;
}

std::uint64_t MemoryEvents::lost() const { return global(memory_, "lost") + global(damon_, "lost"); }
std::uint64_t MemoryEvents::aggregations() const { return global(damon_, "aggregations"); }

}  // namespace vigil
