// SPDX-License-Identifier: GPL-2.0-only
//
// What a classification rule says, as values.
//
// A rule is an AND of conditions, a condition an OR of patterns. Which level of the chain a rule speaks on
// follows from what it looks at: a thread's name (thread), what was executed (image), or only the cgroup.
// tools/rules.d/README.md is the same thing for people who write rules.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/workload_class.hpp"

namespace vigil::classify {

// Numbers as in bpf/abi.h (enum vigil_level).
enum class Level : std::uint8_t { user = 0, thread = 1, image = 2, cgroup = 3, ancestry = 4 };
inline constexpr std::size_t kLevelCount = 5;
std::string_view to_string(Level level);

// Up to `flag` as in bpf/abi.h (enum vigil_field); from 32 on only user space can look.
enum class Field : std::uint8_t {
  exe = 1,        // base name of the executable
  script = 2,     // base name of a #! script
  arg0 = 3,       // argv[0] after the last '/' or '\'
  arg = 4,        // any of the first 64 arguments, argv[0] included
  env = 5,        // name of an environment variable
  env_value = 6,  // NAME=value
  dir = 7,        // one of the nearest 8 folders the executable lies in
  comm = 8,       // thread name
  cgroup = 9,     // a component of the cgroup's path
  flag = 10,      // what the kernel says: KernelFlag by name
  exe_path = 32,
  cgroup_path = 33,
  uid = 34,
  device = 35,    // kind of device the process has opened: DeviceKind by name
};

// Bits of a fact set; 1 << enum vigil_kernel_flag in bpf/abi.h.
enum class KernelFlag : std::uint8_t { kthread = 1, kworker = 2, pidns = 3, nice = 4, realtime = 5, any = 6, script = 7, storm = 8 };
std::string_view to_string(KernelFlag flag);
std::optional<KernelFlag> parse_kernel_flag(std::string_view name);
inline constexpr std::uint32_t flag_bit(KernelFlag flag) { return 1U << static_cast<unsigned>(flag); }

// Kinds of character devices whose users the kernel can tell of. Bits of Facts::devices.
enum class DeviceKind : std::uint8_t { nvidia = 0, drm_render = 1, kfd = 2, kvm = 3, vfio = 4 };
inline constexpr std::array kDeviceKinds = {DeviceKind::nvidia, DeviceKind::drm_render, DeviceKind::kfd, DeviceKind::kvm, DeviceKind::vfio};
std::string_view to_string(DeviceKind kind);
std::optional<DeviceKind> parse_device_kind(std::string_view name);
inline constexpr std::uint32_t device_bit(DeviceKind kind) { return 1U << static_cast<unsigned>(kind); }

enum class Shape : std::uint8_t {
  exact,   // text
  prefix,  // text*
  suffix,  // *text
  pair,    // text*tail
  glob,    // anything with more stars, or '?'
};

struct Pattern {
  Field field = Field::exe;
  Shape shape = Shape::exact;
  std::string text;
  std::string tail;
  bool operator==(const Pattern&) const = default;
};

// "foo", "foo*", "*foo", "foo*bar" or a richer glob. `text` must not be empty.
Pattern make_pattern(Field field, std::string_view text);
bool matches(const Pattern& pattern, std::string_view value);
// As it was written: "CPU */KVM".
std::string written(const Pattern& pattern);
// For people: "env SteamAppId", "argv ends with .exe".
std::string describe(const Pattern& pattern);

// The alternatives of a condition. Copies share what they hold, so that a list which thousands of rules name is kept, and
// compiled, once.
class Patterns {
 public:
  Patterns() = default;
  Patterns(std::initializer_list<Pattern> patterns) : Patterns(std::vector<Pattern>(patterns)) {}
  explicit Patterns(std::vector<Pattern> patterns);

  void push_back(Pattern pattern);
  void append(const Patterns& others);

  bool empty() const { return size() == 0; }
  std::size_t size() const { return shared_ ? shared_->items.size() : 0; }
  const Pattern* begin() const { return shared_ ? shared_->items.data() : nullptr; }
  const Pattern* end() const { return begin() + size(); }
  const Pattern& front() const { return *begin(); }
  const Pattern& operator[](std::size_t at) const { return begin()[at]; }
  bool operator==(const Patterns& other) const;

  // Equal for copies: what is worked out for one holds for all, as long as one of them lives.
  const void* identity() const { return shared_.get(); }
  bool names_thread() const { return shared_ && shared_->names_thread; }
  bool names_image() const { return shared_ && shared_->names_image; }
  bool only_threads() const { return shared_ && shared_->only_threads; }
  // Some pattern that only user space can hold against a process.
  bool needs_daemon() const { return shared_ && shared_->needs_daemon; }

 private:
  struct Shared {
    std::vector<Pattern> items;
    bool names_thread = false, names_image = false, only_threads = true, needs_daemon = false;
  };
  static void note(Shared& shared, const Pattern& pattern);
  Shared& own();
  std::shared_ptr<Shared> shared_;  // changed only while it is ours alone
};

struct Condition {
  Patterns any;
  bool negated = false;
  bool operator==(const Condition&) const = default;
};
std::string describe(const Condition& condition);

// vigil_decision.flags in bpf/abi.h.
enum DecisionFlags : std::uint8_t {
  kInherit = 1 << 0,   // what it executes keeps the class
  kRefine = 1 << 1,    // the daemon looks closer
  kBoundary = 1 << 2,  // ancestry and marks end here
  kMemory = 1 << 3,    // memory-bound
  kVcpu = 1 << 4,      // runs guest code
};

struct Rule {
  std::string name;  // "games:proton-env": file stem and name
  std::optional<WorkloadClass> klass;
  std::uint8_t kind = 0;  // index into RuleSet::kinds
  std::uint8_t flags = 0;
  std::uint32_t priority = 100;
  std::int32_t layer = 0;          // a later layer beats an earlier one, whatever the priorities
  std::uint32_t mark = 0;          // bits of RuleSet::marks it sets,
  std::uint32_t under = 0;         // asks for (all)
  std::uint32_t not_under = 0;     // and must not find (any)
  std::uint32_t previous = 0;      // 1 << class before this image; 0 any
  std::uint16_t profile = 0;       // a rule without a class: the profile it chooses (core/policy/profiles), 0 none
  bool by_name = false;            // holds for whom RuleSet::names says, and has no conditions
  std::vector<Condition> conditions;
  std::string file;
  std::uint32_t line = 0;
  Level level = Level::image;  // set by finish()
  std::uint16_t rank = 0;      // set by finish(): larger wins, no two alike
};

// A number that a variable, an argument or a cgroup's name carries behind `pattern`.
struct Capture {
  Pattern pattern;  // env: exact name; arg and cgroup: prefix
};

// A profile found by something else than a rule of its own.
struct ProfileKey {
  enum class Kind : std::uint8_t { appid = 0, rule = 1 };  // numbers as in bpf/abi.h (enum vigil_profile_key_kind)
  Kind kind = Kind::appid;
  std::uint32_t value = 0;  // the AppID, or the rule's id
  std::uint16_t profile = 0;
  bool operator==(const ProfileKey&) const = default;
};

// Most rules a set may have; a rank must fit 16 bits.
inline constexpr std::size_t kMaxRules = 16000;

class NameTable;

struct RuleSet {
  std::vector<Rule> rules;           // rule id = index + 1
  // Index 0: none. The next are those the daemon gives a VM after a look at its command line.
  std::vector<std::string> kinds{"", "generic", "gaming", "dev", "ai"};
  std::vector<std::string> marks;    // at most 32
  std::vector<Capture> captures;
  std::vector<ProfileKey> profile_keys;
  std::shared_ptr<const NameTable> names;  // null: none

  // Levels and ranks, once all rules are in. Rank: layer, then priority, then position.
  void finish();
  const Rule* find(std::string_view name) const;
  const Rule* by_id(std::uint32_t id) const { return id && id <= rules.size() ? &rules[id - 1] : nullptr; }
  std::uint16_t profile_by(ProfileKey::Kind kind, std::uint32_t value) const;
  std::string_view rule_name(std::uint32_t id) const { return by_id(id) ? by_id(id)->name : std::string_view(); }
};

Level level_of(const std::vector<Condition>& conditions);

}  // namespace vigil::classify
