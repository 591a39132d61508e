// SPDX-License-Identifier: GPL-2.0-only
#include "edge/kernel/classifier.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace vigil {

namespace {

constexpr std::array kPrograms = {"on_newtask", "on_exec", "on_rename", "on_exit", "on_cgroup_mkdir", "on_cgroup_rmdir",
                                  "on_cgroup_attach"};
constexpr std::array kSharedMaps = {"tasks", "events", "config", "counters", "atoms_even", "atoms_odd", "names_even", "names_odd", "cgroups", "cands",
                                  "rules", "profiles", "profile_keys", "heirs", "storms"};
constexpr std::uint32_t kHalf = VIGIL_MAX_RULES / 2;
constexpr std::array kAtomMaps = {"atoms_even", "atoms_odd"};  // by generation
constexpr std::array kNameMaps = {"names_even", "names_odd"};
constexpr std::uint32_t kCandHalf = VIGIL_MAX_CANDS / 2;

}  // namespace

Classifier::~Classifier() = default;

Result<Classifier> Classifier::load(const ClassifierOptions& options) {
  Classifier out;
  auto events = BpfObject::open("vigil_events", vigil::events_object());
  if (!events) return fail(std::move(events).error());
  out.events_ = std::move(*events);
  bpf_map__set_max_entries(out.events_.map("events"), options.ring_bytes);
  if (auto loaded = out.events_.load(); !loaded) return fail(std::move(loaded).error());

  auto snapshot = BpfObject::open("vigil_snapshot", vigil::snapshot_object());
  if (!snapshot) return fail(std::move(snapshot).error());
  out.snapshot_ = std::move(*snapshot);
  for (const char* map : kSharedMaps) {
    // The snapshot programs do not write to the ring; a map they do not use is not in their object.
    if (!out.snapshot_.map(map)) continue;
    if (auto shared = out.snapshot_.share_map(out.events_, map); !shared) return fail(std::move(shared).error());
  }
  if (auto loaded = out.snapshot_.load(); !loaded) return fail(std::move(loaded).error());

  auto config = MapMemory::map(out.events_.map_fd("config"), sizeof(vigil_config), 1, true);
  if (!config) return fail(std::move(config).error());
  auto counters = MapMemory::map(out.events_.map_fd("counters"), sizeof(vigil_counters), 1, false);
  if (!counters) return fail(std::move(counters).error());
  auto profiles = MapMemory::map(out.events_.map_fd("profiles"), sizeof(vigil_profile), VIGIL_MAX_PROFILES, true);
  if (!profiles) return fail(std::move(profiles).error());
  out.profiles_map_ = std::move(*profiles);
  out.config_map_ = std::move(*config);
  out.counters_map_ = std::move(*counters);
  out.config_ = out.config_map_.as<vigil_config>();
  out.counters_ = out.counters_map_.as<vigil_counters>();
  out.config_->may_wait = options.may_wait;
  out.config_->own_tgid = static_cast<__u32>(getpid());

  out.batch_ = std::make_unique<Batch>();
  out.ring_.reset(ring_buffer__new(
      out.events_.map_fd("events"),
      [](void* context, void* data, std::size_t size) -> int {
        auto& batch = *static_cast<Batch*>(context);
        (*batch.on_record)({static_cast<const std::byte*>(data), size});
        if (--batch.left > 0) return 0;
        batch.full = true;
        return -ECANCELED;
      },
      out.batch_.get(), nullptr));
  if (!out.ring_) return fail_system("open the event ring");
  return out;
}

Result<void> Classifier::install_rules(const wire::RuleTables& tables) {
  const auto too_many = [](const char* what, std::size_t have, std::size_t most) {
    return fail("the rules do not fit the kernel tables: " + std::to_string(have) + " " + what + ", at most " + std::to_string(most));
  };
  if (tables.rules.size() > kHalf) return too_many("rows", tables.rules.size(), kHalf);
  if (tables.cands.size() > kCandHalf) return too_many("places where a rule is tried", tables.cands.size(), kCandHalf);
  if (tables.atoms.size() > VIGIL_MAX_ATOMS) return too_many("names", tables.atoms.size(), VIGIL_MAX_ATOMS);
  if (tables.names.size() > VIGIL_MAX_NAMES) return too_many("names from elsewhere", tables.names.size(), VIGIL_MAX_NAMES);
  const std::uint32_t next = generation_ + 1;
  const std::uint32_t rule_base = (next & 1) * kHalf, cand_base = (next & 1) * kCandHalf;

  const auto update = [](int fd, const auto& keys, const auto& values, const char* what) -> Result<void> {
    if (keys.empty()) return {};
    auto count = static_cast<__u32>(keys.size());
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    if (bpf_map_update_batch(fd, keys.data(), values.data(), &count, &options) == 0) return {};
    // Kernels without batches for this map type.
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (bpf_map_update_elem(fd, &keys[i], &values[i], BPF_ANY) < 0)
        return fail_system(std::string("write ") + what);
    return {};
  };

  std::vector<__u32> keys(tables.rules.size());
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = rule_base + static_cast<__u32>(i);
  if (auto done = update(events_.map_fd("rules"), keys, tables.rules, "rules"); !done) return done;

  keys.resize(tables.cands.size());
  std::vector<__u32> cands(tables.cands.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = cand_base + static_cast<__u32>(i);
    cands[i] = rule_base + tables.cands[i];
  }
  if (auto done = update(events_.map_fd("cands"), keys, cands, "rule candidates"); !done) return done;

  std::vector<vigil_atom_key> atom_keys(tables.atoms.size());
  std::vector<vigil_atom> atoms(tables.atoms.size());
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    atom_keys[i] = tables.atoms[i].first;
    atom_keys[i].gen = next;
    atoms[i] = tables.atoms[i].second;
    atoms[i].cand_first += cand_base;
  }
  if (auto done = update(events_.map_fd(kAtomMaps[next & 1]), atom_keys, atoms, "rule atoms"); !done) return done;

  std::vector<vigil_name_key> name_keys;
  std::vector<vigil_decision> names;
  for (const auto& [key, decision] : tables.names) {
    name_keys.push_back(key);
    names.push_back(decision);
  }
  if (auto done = update(events_.map_fd(kNameMaps[next & 1]), name_keys, names, "names"); !done) return done;

  std::vector<vigil_profile_key> profile_keys;
  std::vector<__u32> profiles;
  __u32 kinds = 0;
  for (auto [key, profile] : tables.profile_keys) {
    key.gen = next;
    kinds |= 1U << key.kind;
    profile_keys.push_back(key);
    profiles.push_back(profile);
  }
  if (auto done = update(events_.map_fd("profile_keys"), profile_keys, profiles, "profiles"); !done) return done;

  config_->index[next & 1] = tables.index;
  config_->profile_keys |= kinds;
  __atomic_store_n(&config_->gen, next, __ATOMIC_RELEASE);
  config_->profile_keys = kinds;
  forget_generation(generation_);
  generation_ = next;
  return {};
}

Result<void> Classifier::install_heirs(std::span<const vigil_decision> heirs) {
  const int fd = events_.map_fd("heirs");
  for (__u32 i = 0; i < heirs.size() && i < VIGIL_MAX_HEIRS; ++i)
    if (bpf_map_update_elem(fd, &i, &heirs[i], BPF_ANY) < 0) return fail_system("write the rules' new numbers");
  return {};
}

void Classifier::set_profiles(std::span<const vigil_profile> profiles) {
  auto* map = profiles_map_.as<vigil_profile>();
  for (std::size_t i = 0; i + 1 < VIGIL_MAX_PROFILES; ++i) map[i + 1] = i < profiles.size() ? profiles[i] : vigil_profile{};
}

void Classifier::set_profile_for_games(std::uint32_t profile) {
  __atomic_store_n(&config_->profile_all, profile, __ATOMIC_RELAXED);
}

namespace {

// In portions: a table of all of them would be the largest thing the daemon ever has.
template <typename Key, typename Value>
void empty_map(int fd) {
  constexpr __u32 kPortion = 1024;
  std::vector<Key> keys(kPortion);
  std::vector<Value> values(kPortion);
  for (__u32 cursor = 0, first = 1;; first = 0) {
    __u32 count = kPortion, next = 0;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    const int error =
        bpf_map_lookup_and_delete_batch(fd, first ? nullptr : &cursor, &next, keys.data(), values.data(), &count, &options);
    if (error == -ENOENT) return;
    if (error < 0) break;
    cursor = next;
  }
  // Kernels without batches, and buckets fuller than a portion.
  Key key{};
  while (bpf_map_get_next_key(fd, nullptr, &key) == 0)
    if (bpf_map_delete_elem(fd, &key) < 0) return;
}

void forget_profile_keys(int fd, std::uint32_t generation) {
  std::vector<vigil_profile_key> old;
  vigil_profile_key key{};
  const void* at = nullptr;
  while (bpf_map_get_next_key(fd, at, &key) == 0) {
    if (key.gen == generation) old.push_back(key);
    at = &key;
  }
  for (const auto& dead : old) bpf_map_delete_elem(fd, &dead);
}

}  // namespace

void Classifier::forget_generation(std::uint32_t generation) {
  if (generation == 0) return;
  empty_map<vigil_atom_key, vigil_atom>(events_.map_fd(kAtomMaps[generation & 1]));
  empty_map<vigil_name_key, vigil_decision>(events_.map_fd(kNameMaps[generation & 1]));
  forget_profile_keys(events_.map_fd("profile_keys"), generation);
}

Result<void> Classifier::attach() {
  for (const char* program : kPrograms) {
    auto link = events_.attach(program);
    if (!link) return fail(std::move(link).error());
    links_.push_back(std::move(*link));
  }
  return {};
}

void Classifier::enable() { __atomic_store_n(&config_->enabled, 1U, __ATOMIC_RELEASE); }

Result<std::string> Classifier::read_iterator(int link_fd) {
  UniqueFd iterator(bpf_iter_create(link_fd));
  if (!iterator) return fail_system("open a BPF iterator");
  std::string out;
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const auto n = ::read(iterator.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) return fail_system("read a BPF iterator");
    if (n == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<Classifier::SnapshotTotals> Classifier::snapshot(bool all, const OnCgroup& on_cgroup, const OnRecord& on_task) {
  SnapshotTotals totals;
  {
    bpf_iter_link_info info{};
    info.cgroup.order = BPF_CGROUP_ITER_DESCENDANTS_PRE;
    LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
    BpfLink link(bpf_program__attach_iter(snapshot_.program("snapshot_cgroups"), &options));
    if (!link) return fail_system("attach the cgroup iterator");
    auto bytes = read_iterator(bpf_link__fd(link.get()));
    if (!bytes) return fail(std::move(bytes).error().in("cgroups"));
    for (std::size_t at = 0; at + sizeof(vigil_snap_cgroup) <= bytes->size(); at += sizeof(vigil_snap_cgroup)) {
      vigil_snap_cgroup record{};
      std::memcpy(&record, bytes->data() + at, sizeof(record));
      on_cgroup(record);
    }
  }

  BpfLink link(bpf_program__attach_iter(snapshot_.program("snapshot_tasks"), nullptr));
  if (!link) return fail_system("attach the task iterator");
  const __u32 zero = 0;
  const int request_fd = snapshot_.map_fd("snapshot");
  // Children wait for their parents: the first run decides nearly all, the last one whatever is left.
  constexpr int kRuns = 4;
  for (int run = 0; run < kRuns; ++run) {
    vigil_snapshot request{};
    request.emit_all = all;
    request.force = run == kRuns - 1;
    if (bpf_map_update_elem(request_fd, &zero, &request, BPF_ANY) < 0) return fail_system("start a snapshot");
    auto bytes = read_iterator(bpf_link__fd(link.get()));
    if (!bytes) return fail(std::move(bytes).error().in("tasks"));
    if (bpf_map_lookup_elem(request_fd, &zero, &request) < 0) return fail_system("read a snapshot's totals");
    totals.tasks = request.tasks;
    totals.decided += request.decided;
    const bool last = request.deferred == 0 && request.decided == 0;
    if (!last && run < kRuns - 1) continue;
    // Only the last run's records count: it saw every task, decided.
    for (std::size_t at = 0; at + sizeof(vigil_ev_task) <= bytes->size(); at += sizeof(vigil_ev_task))
      on_task({reinterpret_cast<const std::byte*>(bytes->data()) + at, sizeof(vigil_ev_task)});
    break;
  }
  return totals;
}

void Classifier::set_storm(std::uint32_t execs) { __atomic_store_n(&config_->storm_execs, execs, __ATOMIC_RELAXED); }

Result<std::uint32_t> Classifier::calm(const OnRecord& on_task) {
  BpfLink link(bpf_program__attach_iter(snapshot_.program("calm_tasks"), nullptr));
  if (!link) return fail_system("attach the task iterator");
  const __u32 zero = 0;
  const int request_fd = snapshot_.map_fd("snapshot");
  vigil_snapshot request{};
  if (bpf_map_update_elem(request_fd, &zero, &request, BPF_ANY) < 0) return fail_system("look for storms that are over");
  auto bytes = read_iterator(bpf_link__fd(link.get()));
  if (!bytes) return fail(std::move(bytes).error().in("tasks"));
  if (bpf_map_lookup_elem(request_fd, &zero, &request) < 0) return fail_system("look for storms that are over");
  for (std::size_t at = 0; at + sizeof(vigil_ev_task) <= bytes->size(); at += sizeof(vigil_ev_task))
    on_task({reinterpret_cast<const std::byte*>(bytes->data()) + at, sizeof(vigil_ev_task)});
  return request.tasks;
}

std::vector<vigil_storm> Classifier::storms() const {
  const int fd = events_.map_fd("storms");
  std::vector<vigil_storm> out;
  __u32 key = 0, next = 0;
  for (const __u32* at = nullptr; out.size() < VIGIL_MAX_STORMS && bpf_map_get_next_key(fd, at, &next) == 0; at = &key) {
    key = next;
    vigil_storm storm{};
    if (bpf_map_lookup_elem(fd, &key, &storm) == 0) out.push_back(storm);
  }
  return out;
}

Result<Classifier::ClassCounts> Classifier::count_classes() {
  BpfLink link(bpf_program__attach_iter(snapshot_.program("snapshot_tasks"), nullptr));
  if (!link) return fail_system("attach the task iterator");
  const __u32 zero = 0;
  const int request_fd = snapshot_.map_fd("snapshot");
  vigil_snapshot request{};
  request.count_only = 1;
  if (bpf_map_update_elem(request_fd, &zero, &request, BPF_ANY) < 0) return fail_system("start a count");
  if (auto bytes = read_iterator(bpf_link__fd(link.get())); !bytes) return fail(std::move(bytes).error());
  if (bpf_map_lookup_elem(request_fd, &zero, &request) < 0) return fail_system("read a count");
  ClassCounts out;
  std::copy_n(request.classes, VIGIL_CLASS_COUNT, out.processes.begin());
  std::copy_n(request.threads, VIGIL_CLASS_COUNT, out.tasks.begin());
  return out;
}

bool Classifier::drain(std::size_t limit, const OnRecord& on_record) {
  *batch_ = Batch{&on_record, limit, false};
  ring_buffer__consume(ring_.get());
  return !batch_->full;
}

void Classifier::set_stream_all(bool on) { __atomic_store_n(&config_->stream_all, on ? 1U : 0U, __ATOMIC_RELAXED); }
void Classifier::set_prompt(bool on) { __atomic_store_n(&config_->prompt, on ? 1U : 0U, __ATOMIC_RELAXED); }
bool Classifier::stream_all() const { return config_->stream_all != 0; }

Result<std::uint32_t> Classifier::assign(const vigil_assign& request) {
  vigil_assign context = request;
  // The kernel copies the context back to where it came from.
  LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &context, .ctx_size_in = sizeof(context));
  if (const int error = bpf_prog_test_run_opts(snapshot_.program_fd("assign"), &options); error < 0)
    return fail_system("assign a class", -error);
  if (context.result == -ESRCH) return 0U;
  if (context.result < 0) return fail_system("assign a class", -context.result);
  return static_cast<std::uint32_t>(context.result);
}

std::optional<vigil_verdict> Classifier::verdict(std::uint32_t pid) const {
  // Threads have pidfds of their own since 6.9 (PIDFD_THREAD == O_EXCL); a leader has one anyway.
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, O_EXCL)));
  if (!pidfd) return std::nullopt;
  const int fd = events_.map_fd("tasks");
  std::vector<std::byte> value(bpf_map__value_size(events_.map("tasks")));
  const int key = pidfd.get();
  if (bpf_map_lookup_elem(fd, &key, value.data()) < 0) return std::nullopt;
  vigil_verdict out{};
  std::memcpy(&out, value.data(), sizeof(out));
  return out;
}

std::optional<vigil_cgroup> Classifier::cgroup(std::uint64_t id) const {
  vigil_cgroup out{};
  if (bpf_map_lookup_elem(events_.map_fd("cgroups"), &id, &out) < 0) return std::nullopt;
  return out;
}

}  // namespace vigil
