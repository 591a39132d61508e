// SPDX-License-Identifier: GPL-2.0-only
#include "edge/kernel/scheduler.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "abi.h"
#include "base/handle.hpp"
#include "edge/kernel/scx_probe.hpp"

extern "C" {
extern const std::byte vigil_bpf_sched_start[], vigil_bpf_sched_end[];
}

namespace vigil {

namespace {

static_assert(kWorkloadClassCount == VIGIL_CLASS_COUNT);
static_assert(SchedStats::kWaitBuckets == VIGIL_SCHED_WAIT_BUCKETS);
static_assert(policy::kCpuSetCount == VIGIL_SET_COUNT && policy::kNodeSets == VIGIL_SET_COUNT - VIGIL_SET_NODE);
static_assert(static_cast<int>(policy::CpuSetId::vcache) == VIGIL_SET_VCACHE &&
              static_cast<int>(policy::CpuSetId::frequency) == VIGIL_SET_FREQUENCY &&
              static_cast<int>(policy::CpuSetId::performance) == VIGIL_SET_PERFORMANCE &&
              static_cast<int>(policy::CpuSetId::efficient) == VIGIL_SET_EFFICIENT &&
              static_cast<int>(policy::CpuSetId::low_power) == VIGIL_SET_LOW_POWER &&
              static_cast<int>(policy::CpuSetId::preferred) == VIGIL_SET_PREFERRED &&
              static_cast<int>(policy::CpuSetId::node) == VIGIL_SET_NODE);

constexpr const char* kOps = "vigil_ops";

std::span<const std::byte> sched_object() { return {vigil_bpf_sched_start, vigil_bpf_sched_end}; }

// Where a `const volatile` variable lies in .rodata, by the object's own BTF.
Result<void> set_constant(const BpfObject& object, const char* name, const void* value, std::size_t size) {
  const btf* types = bpf_object__btf(object.get());
  const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  std::size_t bytes = 0;
  auto* data = static_cast<std::byte*>(bpf_map__initial_value(object.map(".rodata"), &bytes));
  if (section > 0 && data) {
    const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(section));
    for (int i = 0; i < btf_vlen(type); i++) {
      const auto& entry = btf_var_secinfos(type)[i];
      const btf_type* variable = btf__type_by_id(types, entry.type);
      if (std::strcmp(btf__name_by_offset(types, variable->name_off), name) != 0) continue;
      if (entry.size != size || entry.offset + size > bytes) break;
      std::memcpy(data + entry.offset, value, size);
      return {};
    }
  }
  return fail(std::string("the scheduler's BPF object has no constant '") + name + "' of the expected size");
}

// A field of the operations table, before it is loaded: laid out as the object's own BTF says.
Result<std::byte*> ops_field(const BpfObject& object, const char* name, std::size_t size) {
  const btf* types = bpf_object__btf(object.get());
  const int id = btf__find_by_name_kind(types, "sched_ext_ops", BTF_KIND_STRUCT);
  std::size_t bytes = 0;
  auto* data = static_cast<std::byte*>(bpf_map__initial_value(object.map(kOps), &bytes));
  if (id > 0 && data) {
    const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(id));
    for (std::uint32_t i = 0; i < btf_vlen(type); i++) {
      if (std::strcmp(btf__name_by_offset(types, btf_members(type)[i].name_off), name) != 0) continue;
      const std::size_t offset = btf_member_bit_offset(type, i) / 8;
      if (offset + size > bytes) break;
      return data + offset;
    }
  }
  return fail(std::string("the scheduler's operations have no field '") + name + "'");
}

Result<void> set_ops_field(const BpfObject& object, const char* name, const void* value, std::size_t size) {
  auto field = ops_field(object, name, size);
  if (!field) return fail(std::move(field).error());
  std::memcpy(*field, value, size);
  return {};
}

Result<void> add_ops_flag(const BpfObject& object, std::uint64_t flag) {
  std::uint64_t flags = 0;
  auto field = ops_field(object, "flags", sizeof(flags));
  if (!field) return fail(std::move(field).error());
  std::memcpy(&flags, *field, sizeof(flags));
  flags |= flag;
  std::memcpy(*field, &flags, sizeof(flags));
  return {};
}

// Operations that the running kernel's sched_ext_ops has not are taken out: it was built without them, or is older. A plain
// scheduler does not listen to groups.
Result<void> drop_missing_ops(const BpfObject& object, bool plain) {
  const Handle<btf, btf__free> kernel(btf__load_vmlinux_btf());
  if (!kernel) return fail_system("read the kernel's type information");
  const btf* types = bpf_object__btf(object.get());
  const int id = btf__find_by_name_kind(types, "sched_ext_ops", BTF_KIND_STRUCT);
  std::size_t bytes = 0;
  auto* data = static_cast<std::byte*>(bpf_map__initial_value(object.map(kOps), &bytes));
  if (id <= 0 || !data) return fail("the scheduler's BPF object has no operations");
  const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(id));
  bpf_program* program = nullptr;
  for (std::uint32_t i = 0; i < btf_vlen(type); i++) {
    const char* name = btf__name_by_offset(types, btf_members(type)[i].name_off);
    const std::size_t offset = btf_member_bit_offset(type, i) / 8;
    if (offset + sizeof(program) > bytes || !btf_is_ptr(btf__type_by_id(types, btf_members(type)[i].type))) continue;
    const bool unwanted = plain && std::strncmp(name, "cgroup_", 7) == 0;
    if (!unwanted && btf_has_member(kernel.get(), "sched_ext_ops", name)) continue;
    std::memcpy(&program, data + offset, sizeof(program));
    if (program) bpf_program__set_autoload(program, false);
    std::memset(data + offset, 0, sizeof(program));
  }
  // Until groups' bandwidth came (6.17), the kernel warned of every weight unless this was set.
  const auto weight = btf_enumerator(kernel.get(), "scx_ops_flags", "SCX_OPS_HAS_CGROUP_WEIGHT");
  if (!plain && weight && btf_has_member(kernel.get(), "sched_ext_ops", "cgroup_set_weight") &&
      !btf_has_member(kernel.get(), "sched_ext_ops", "cgroup_set_bandwidth"))
    return add_ops_flag(object, *weight);
  return {};
}

Result<void> resize(const BpfObject& object, const char* map, std::uint32_t entries) {
  if (const int error = bpf_map__set_max_entries(object.map(map), entries); error < 0)
    return fail_system(std::string("size map ") + map, -error);
  return {};
}

// The kernel shows at most 127 characters and takes letters, digits, '_' and '.'.
std::string ops_name(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') c = '_';
  return name.substr(0, 127);
}

void write_tunables(vigil_sched_tunables& out, const SchedTunables& in) {
  for (std::size_t i = 0; i < kWorkloadClassCount; i++) {
    const auto& from = in.classes[i];
    auto& to = out.classes[i];
    to.share = static_cast<__u32>(std::clamp(from.share, 1.0 / 1024, 64.0) * 1024);
    to.request_us = std::clamp<__u32>(from.request_us, 100, 100'000);
    to.credit_us = std::min<__u32>(from.credit_us, 1'000'000);
    to.lead_us = std::min<__u32>(from.lead_us, 100'000);
    to.urgency = std::min<__u8>(from.urgency, VIGIL_URGENCY_URGENT);
    to.flags = static_cast<__u8>((from.forgive ? VIGIL_SCHED_FORGIVE : 0) | (from.judge ? VIGIL_SCHED_JUDGE : 0) |
                                 (from.spread ? VIGIL_SCHED_SPREAD : 0));
    to.set = static_cast<__u8>(from.set);
  }
  out.lease_us = std::clamp<__u32>(in.lease_us, 1000, 100'000);
  out.wait_bound_us = std::clamp<__u32>(in.wait_bound_us, 10'000, 1'000'000);
  out.short_burst_us = std::clamp<__u32>(in.short_burst_us, 50, 20'000);
  out.guard_us = std::min<__u32>(in.guard_us, 10'000);
  out.balance_us = std::min<__u32>(in.balance_us, 1'000'000);
  out.steer = in.steer;
  out.away_set = static_cast<__u32>(in.away);
}

// What the scheduler takes for constant, so that the verifier can drop what a machine does not need.
struct Constants {
  std::uint32_t cpus = 0, llcs = 1;
  bool smt = false;
  bool several_nodes = false;
};

Constants constants_of(const SchedTopology& topology) {
  Constants out;
  std::vector<std::uint32_t> cores;
  for (const auto& cpu : topology.cpus) {
    out.cpus = std::max(out.cpus, cpu.id + 1);
    out.llcs = std::max(out.llcs, cpu.llc + 1);
    cores.push_back(cpu.core);
    out.several_nodes |= cpu.node != topology.cpus.front().node;
  }
  std::sort(cores.begin(), cores.end());
  out.smt = std::adjacent_find(cores.begin(), cores.end()) != cores.end();
  return out;
}

// Writes the entries that differ from what was written before; returns how many.
Result<std::uint32_t> write_topology(const BpfObject& object, const SchedTopology& topology, const SchedTopology& before = {}) {
  std::uint32_t written = 0;
  for (const auto& cpu : topology.cpus) {
    if (std::find(before.cpus.begin(), before.cpus.end(), cpu) != before.cpus.end()) continue;
    vigil_sched_cpu_info info{};
    info.llc = static_cast<__u16>(cpu.llc);
    info.flags = static_cast<__u16>((cpu.vcache ? VIGIL_CPU_VCACHE : 0) | (cpu.efficient ? VIGIL_CPU_EFFICIENT : 0));
    info.core = cpu.core;
    info.capacity = cpu.capacity;
    info.rank = cpu.rank;
    info.node = cpu.node;
    if (bpf_map_update_elem(object.map_fd("sched_topology"), &cpu.id, &info, BPF_ANY) < 0)
      return fail_system("tell the scheduler about CPU " + std::to_string(cpu.id));
    written++;
  }
  return written;
}

}  // namespace

std::string SchedExit::sentence() const {
  std::string out;
  if (by_owner())
    out = "the scheduler was taken down";
  else if (by_sysrq())
    out = "the scheduler was ejected by SysRq-S";
  else if (is_error())
    out = "the kernel ejected the scheduler: " + (reason.empty() ? "error " + std::to_string(kind) : reason);
  else
    out = "the scheduler ended: " + (reason.empty() ? "kind " + std::to_string(kind) : reason);
  if (!message.empty() && !by_owner()) out += " (" + message + ")";
  return out + "; the kernel's own scheduler runs everything";
}

std::optional<std::uint64_t> SchedStats::wait_quantile_us(WorkloadClass klass, double fraction) const {
  const auto& buckets = wait[static_cast<std::size_t>(klass)];
  std::uint64_t all = 0;
  for (const auto n : buckets) all += n;
  if (all == 0) return std::nullopt;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kWaitBuckets; i++) {
    seen += buckets[i];
    if (static_cast<double>(seen) >= fraction * static_cast<double>(all)) return std::uint64_t{2} << i;
  }
  return std::uint64_t{1} << kWaitBuckets;
}

Result<Scheduler> Scheduler::load(const SchedOptions& options) {
  const auto support = probe_scx();
  const bool own_place = !options.replaces.empty() && support.ops == options.replaces;
  if (const auto obstacle = support.obstacle(); !obstacle.empty() && !own_place)
    return fail(obstacle, support.usable() ? EBUSY : EOPNOTSUPP);

  const int possible = libbpf_num_possible_cpus();
  if (possible <= 0) return fail_system("count CPUs", -possible);
  const auto constants = constants_of(options.topology);
  const auto cpus = std::max(static_cast<std::uint32_t>(possible), constants.cpus);
  const auto llcs = constants.llcs;
  if (cpus > VIGIL_SCHED_MAX_CPUS || llcs > VIGIL_SCHED_MAX_LLCS)
    return fail("this machine has " + std::to_string(cpus) + " CPUs and " + std::to_string(llcs) +
                " last-level caches; the scheduler handles " + std::to_string(VIGIL_SCHED_MAX_CPUS) + " and " +
                std::to_string(VIGIL_SCHED_MAX_LLCS));

  Scheduler out;
  out.cpus_ = cpus;
  out.plain_ = options.plain;
  out.name_ = ops_name(options.plain ? options.name.substr(0, 121) + "_plain" : options.name);
  auto object = BpfObject::open("sched", sched_object());
  if (!object) return fail(std::move(object).error());
  out.object_ = std::move(*object);

  const auto step = [](Result<void> result) { return result ? std::optional<Error>() : std::move(result).error(); };
  const auto number = [&](const char* name, std::uint32_t value) {
    return set_constant(out.object_, name, &value, sizeof(value));
  };
  if (auto error = step(number("nr_cpus", cpus))) return fail(std::move(*error));
  if (auto error = step(number("nr_llcs", llcs))) return fail(std::move(*error));
  if (auto error = step(set_constant(out.object_, "several_nodes", &constants.several_nodes, sizeof(constants.several_nodes))))
    return fail(std::move(*error));
  if (auto error = step(set_constant(out.object_, "smt", &constants.smt, sizeof(constants.smt)))) return fail(std::move(*error));
  if (auto error = step(set_constant(out.object_, "plain", &options.plain, sizeof(options.plain)))) return fail(std::move(*error));
  if (auto error = step(set_ops_field(out.object_, "name", out.name_.c_str(), out.name_.size() + 1)))
    return fail(std::move(*error));
  // hotplug_seq stays 0: a CPU that came or went since we looked at the topology is no reason to fail. Which are on line the
  // scheduler's init() asks under the lock that keeps them so, and from there it is told of each.
  if (auto error = step(drop_missing_ops(out.object_, options.plain))) return fail(std::move(*error));
  for (const char* map : {"sched_cpus", "sched_topology", "sched_stats"})
    if (auto error = step(resize(out.object_, map, cpus))) return fail(std::move(*error));
  if (auto error = step(resize(out.object_, "sched_llcs", llcs))) return fail(std::move(*error));
  if (options.events)
    for (const char* map : {"tasks", "events", "profiles", "sampling"})
      if (auto error = step(out.object_.share_map(*options.events, map))) return fail(std::move(*error));

  if (auto error = step(out.object_.load())) return fail(std::move(*error));

  const auto memory = [&](MapMemory& to, const char* map, std::size_t size, std::size_t entries, bool writable) {
    auto mapped = MapMemory::map(out.object_.map_fd(map), size, entries, writable);
    if (!mapped) return std::optional<Error>(std::move(mapped).error().in(map));
    to = std::move(*mapped);
    return std::optional<Error>();
  };
  if (auto error = memory(out.tunables_, "sched_tunables", sizeof(vigil_sched_tunables), 1, true))
    return fail(std::move(*error));
  if (auto error = memory(out.stats_, "sched_stats", sizeof(vigil_sched_stats), cpus, false))
    return fail(std::move(*error));
  if (auto error = memory(out.exit_, "sched_exit", sizeof(vigil_sched_exit), 1, false))
    return fail(std::move(*error));
  if (auto written = write_topology(out.object_, options.topology); !written) return fail(std::move(written).error());
  out.topology_ = options.topology;
  out.set_tunables(options.tunables);
  return out;
}

Result<void> Scheduler::attach() {
  if (link_) return {};
  libbpf_messages();
  BpfLink link(bpf_map__attach_struct_ops(object_.map(kOps)));
  if (link) {
    link_ = std::move(link);
    return {};
  }
  const int code = errno;
  const auto said = libbpf_messages();
  if (code == EBUSY) {
    const auto support = probe_scx();
    if (const auto obstacle = support.obstacle(); !obstacle.empty()) return fail(obstacle, code);
  }
  if (const auto exit = exit_info()) return fail("attach the scheduler: " + exit->sentence(), code);
  return fail(Error::system("attach the scheduler", code).message() + (said.empty() ? "" : " (" + said + ")"), code);
}

Result<void> Scheduler::replace(Scheduler& other) {
  other.detach();
  carried_ = other.read_stats();
  return attach();
}

bool Scheduler::is_attached() const {
  return link_ && exit_ && __atomic_load_n(&exit_.as<const vigil_sched_exit>()->kind, __ATOMIC_ACQUIRE) == 0;
}

std::optional<SchedExit> Scheduler::exit_info() const {
  if (!exit_) return std::nullopt;
  const auto* record = exit_.as<const vigil_sched_exit>();
  SchedExit out;
  out.kind = __atomic_load_n(&record->kind, __ATOMIC_ACQUIRE);
  if (out.kind == 0) return std::nullopt;
  const auto text = [](const char* from, std::size_t size) { return std::string(from, ::strnlen(from, size)); };
  out.code = record->exit_code;
  out.reason = text(record->reason, sizeof(record->reason));
  out.message = text(record->message, sizeof(record->message));
  out.dump = text(record->dump, sizeof(record->dump));
  return out;
}

void Scheduler::set_tunables(const SchedTunables& tunables) {
  if (tunables_) write_tunables(*tunables_.as<vigil_sched_tunables>(), plain_ ? tunables.plain() : tunables);
}

SchedTunables Scheduler::tunables() const {
  SchedTunables out = SchedTunables::defaults();
  if (!tunables_) return out;
  const auto& in = *tunables_.as<const vigil_sched_tunables>();
  for (std::size_t i = 0; i < kWorkloadClassCount; i++) {
    const auto& from = in.classes[i];
    auto& to = out.classes[i];
    to.share = from.share / 1024.0;
    to.request_us = from.request_us;
    to.credit_us = from.credit_us;
    to.lead_us = from.lead_us;
    to.urgency = from.urgency;
    to.forgive = from.flags & VIGIL_SCHED_FORGIVE;
    to.judge = from.flags & VIGIL_SCHED_JUDGE;
    to.spread = from.flags & VIGIL_SCHED_SPREAD;
    to.set = static_cast<policy::CpuSetId>(from.set);
  }
  out.lease_us = in.lease_us;
  out.wait_bound_us = in.wait_bound_us;
  out.short_burst_us = in.short_burst_us;
  out.guard_us = in.guard_us;
  out.balance_us = in.balance_us;
  out.steer = in.steer;
  out.away = static_cast<policy::CpuSetId>(in.away_set);
  return out;
}

bool Scheduler::fits(const SchedTopology& topology) const {
  const auto loaded = constants_of(topology_), wanted = constants_of(topology);
  if (wanted.cpus > cpus_ || wanted.llcs > loaded.llcs || (wanted.smt && !loaded.smt) || (wanted.several_nodes && !loaded.several_nodes))
    return false;
  return std::all_of(topology.cpus.begin(), topology.cpus.end(), [this](const SchedTopology::Cpu& cpu) {
    const auto before = std::find_if(topology_.cpus.begin(), topology_.cpus.end(),
                                     [&](const SchedTopology::Cpu& entry) { return entry.id == cpu.id; });
    return before == topology_.cpus.end() ? cpu.llc == 0 : before->llc == cpu.llc;
  });
}

Result<std::uint32_t> Scheduler::set_topology(const SchedTopology& topology) {
  auto written = write_topology(object_, topology, topology_);
  if (written) topology_ = topology;
  return written;
}

Result<bool> Scheduler::set_cpu_set(policy::CpuSetId id, const CpuSet& cpus) {
  if (id == policy::CpuSetId::any || static_cast<std::size_t>(id) >= policy::kCpuSetCount)
    return fail("there is no CPU set " + policy::to_string(id) + " to be written", EINVAL);
  if (sets_[id] == cpus) return false;
  vigil_cpu_bits bits{};
  for (std::size_t i = 0; i < std::min(cpus.words().size(), std::size(bits.words)); i++) bits.words[i] = cpus.words()[i];
  vigil_rebuild_set context{.set = static_cast<__u32>(id), .result = 0};
  if (bpf_map_update_elem(object_.map_fd("sched_set_bits"), &context.set, &bits, BPF_ANY) < 0)
    return fail_system("write CPU set " + policy::to_string(id));
  LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &context, .ctx_size_in = sizeof(context));
  if (const int error = bpf_prog_test_run_opts(object_.program_fd("rebuild_cpu_set"), &options); error < 0)
    return fail_system("rebuild CPU set " + policy::to_string(id), -error);
  if (context.result < 0) return fail_system("rebuild CPU set " + policy::to_string(id), -context.result);
  sets_[id] = cpus;
  return true;
}

void Scheduler::set_memory_hint(const ProcKey& process, std::optional<std::uint32_t> near_node, std::int32_t lead_us) {
  const int fd = object_.map_fd("memory_hints");
  constexpr std::uint32_t kFirstNodeSet = 16, kSets = 64;  // enum vigil_cpu_set: 16 + n is near node n
  vigil_memory_hint hint{};
  hint.start_ns = process.start_ns;
  hint.lead_us = std::clamp(lead_us, -100'000, 100'000);
  if (near_node && *near_node < kSets - kFirstNodeSet) hint.set = static_cast<__u16>(kFirstNodeSet + *near_node);
  // A full map means that the process goes on as its class says.
  if (hint.set || hint.lead_us)
    (void)bpf_map_update_elem(fd, &process.tgid, &hint, BPF_ANY);
  else
    (void)bpf_map_delete_elem(fd, &process.tgid);
}

SchedStats Scheduler::read_stats() const {
  SchedStats out = carried_;
  out.groups_limited = 0;  // how many there are, not how often
  if (!stats_) return out;
  for (std::uint32_t cpu = 0; cpu < cpus_; cpu++) {
    const auto& from = stats_.as<const vigil_sched_stats>()[cpu];
    out.switches += from.switches;
    out.direct += from.direct;
    out.queued += from.queued;
    out.pinned += from.pinned;
    out.kthreads += from.kthreads;
    out.kept += from.kept;
    out.moved_cpu += from.moved_cpu;
    out.moved_llc += from.moved_llc;
    out.stolen += from.stolen;
    out.balanced += from.balanced;
    out.kicks += from.kicks;
    out.held_back += from.held_back;
    out.no_room += from.no_room;
    out.yielded += from.yielded;
    out.no_storage += from.no_storage;
    out.steered += from.steered;
    out.spilled += from.spilled;
    out.profile_inside += from.profile_inside;
    out.profile_outside += from.profile_outside;
    out.strict_waits += from.strict_waits;
    out.workers_promoted += from.workers_promoted;
    out.groups_full += from.groups_full;
    out.groups_limited += from.groups_limited;
    out.handed += from.handed;
    out.overtaken += from.overtaken;
    out.near_inside += from.near_inside;
    out.near_outside += from.near_outside;
    for (std::size_t k = 0; k < kWorkloadClassCount; k++) {
      out.class_runs[k] += from.class_runs[k];
      out.class_ns[k] += from.class_ns[k];
      for (std::size_t b = 0; b < SchedStats::kWaitBuckets; b++) out.wait[k][b] += from.wait[k][b];
    }
  }
  return out;
}

}  // namespace vigil
