// SPDX-License-Identifier: GPL-2.0-only
//
// What the daemon answers and streams, as values, and their JSON. Fields are those of README.md here; an
// empty optional is null: unknown, or not so. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/workload_class.hpp"
#include "wire/memory_report.hpp"
#include "wire/protocol.hpp"

namespace vigil::wire {

struct StatusReport {
  struct ClassCount {
    WorkloadClass klass = WorkloadClass::regular;
    std::uint64_t processes = 0;
    std::optional<std::uint64_t> tasks = {};
  };
  struct EventCount {
    std::string event = {};  // "exec", "fork", …
    std::uint64_t seen = 0;
    std::uint64_t reported = 0;
    std::uint64_t lost = 0;
  };
  struct Ejection {
    std::uint64_t t_ns = 0;
    std::string ops = {};
    std::string reason = {};   // one sentence
    std::string message = {};  // the kernel's own words, may be empty
  };
  struct Profile {
    std::string name = {};
    std::string why = {};
    std::uint64_t processes = 0;
    std::optional<std::string> mode = {};  // that it holds
  };

  struct Power {
    struct Gpu {
      std::string address = {};
      std::string state = {};  // "active" or "suspended", as the kernel pushed it
      std::uint64_t since_ns = 0;
    };
    struct Held {
      std::string path = {}, was = {}, is = {};
    };
    std::optional<std::string> source = {};  // "ac" or "battery"
    std::optional<std::string> platform_profile = {};
    std::optional<std::string> power_profile = {};  // power-profiles-daemon's
    std::optional<std::string> x3d_mode = {};
    bool saves = false;    // the automatic mode saves power
    std::string why = {};  // a few words
    std::vector<Gpu> gpus = {};   // whose power has changed since the start
    std::vector<Held> held = {};  // hardware settings that are changed while the daemon runs
  };

  std::string version = {};
  std::uint32_t pid = 0;
  std::string mode = {};                            // "schedule" or "observe": what is done now
  std::string requested_mode = {};                  // "auto", "schedule" or "observe": what was asked for
  std::optional<std::string> ops = {};              // as in /sys/kernel/sched_ext/root/ops
  std::string policy = {};                          // "full", "plain" or "kernel": which rung of the ladder
  std::optional<std::string> why_not_more = {};     // why it observes, or runs the plain policy, though more was asked for
  std::optional<std::uint64_t> returns_at_ns = {};  // when an ejected scheduler is to come back
  std::uint64_t now_ns = 0;
  std::uint64_t started_ns = 0;
  std::uint64_t ready_after_ns = 0;        // from start to ready
  Mode tuning = Mode::automatic;           // what a person chose
  Mode tuning_in_force = Mode::automatic;  // what it comes to now
  std::vector<TunableChange> tuning_changes = {};  // the scheduler's numbers in force beside the defaults
  std::vector<ClassCount> classes = {};
  std::vector<EventCount> events = {};
  // The games that run, one entry each.
  struct Game {
    std::uint32_t pid = 0;
    std::optional<std::uint32_t> steam_appid = {};
    std::optional<std::string> title = {};
  };
  std::vector<Game> games = {};
  // Exec storms: trees that execute programs by the hundred, whose changes of class were only counted.
  struct Storm {
    std::uint32_t pid = 0;  // of its root
    std::uint64_t execs = 0;
    std::uint64_t forks = 0;
    std::uint64_t hushed = 0;
    std::uint64_t began_ns = 0;
    bool over = false;
  };
  std::vector<Storm> storms = {};
  std::uint64_t resyncs = 0;  // times the process table was read anew after a loss
  std::vector<Ejection> ejections = {};
  std::vector<Profile> profiles = {};  // in force for something that runs, in the order in which they began
  std::optional<std::string> profile_for_games = {};  // chosen by a person for every game; "none": none
  std::uint64_t rules = 0;
  std::vector<std::string> rule_files = {};
  std::vector<std::string> degraded = {};  // sentences: what is missing, what still works, what to do
  std::optional<MemoryStatus> memory = {};
  std::optional<Power> power = {};
  bool simulated = false;
};

// What had something for it and is not in force.
struct Considered {
  std::string rule = {};
  std::optional<WorkloadClass> klass = {};
  std::string level = {};
  bool held = false;  // it holds, and something stronger does, too
  std::string why = {};
};

struct ExplainReport {
  struct Container {
    std::string runtime = {};
    std::string id = {};
    std::string pod = {};  // "" none
  };
  std::uint32_t pid = 0;
  std::uint32_t tgid = 0;
  std::uint32_t ppid = 0;
  std::string comm = {};
  WorkloadClass klass = WorkloadClass::regular;
  std::optional<std::string> kind = {};
  std::string source = "kernel";  // "kernel", "daemon" or "user"
  std::optional<std::string> rule = {};
  std::vector<std::string> evidence = {};
  // The link of the chain that decided: "user", "thread", "image", "cgroup" or "ancestry".
  std::optional<std::string> level = {};
  std::optional<std::string> event = {};  // what made the last change
  std::optional<std::uint64_t> event_ns = {};
  std::optional<std::uint64_t> decided_after_ns = {};
  std::optional<std::uint64_t> hook_ns = {};  // what the kernel half took inside the event
  std::optional<std::uint32_t> inherited_from = {};
  std::optional<std::string> profile = {};
  std::optional<std::uint32_t> steam_appid = {};
  std::optional<std::string> cgroup = {};
  std::optional<std::uint32_t> tasks = {};
  std::optional<std::string> cpu_preference = {};  // cpulist
  std::optional<MemoryReport> memory = {};         // of a memory-bound process
  bool simulated = false;  // what it says of memory rests on simulated counters
  std::optional<std::string> title = {};        // what people call it
  std::optional<std::string> profile_why = {};  // where a person chose it
  std::optional<Container> container = {};      // that it lives in, whatever else it is
  std::vector<Considered> considered = {};      // other levels' decisions first, then rules that hold, then rules that nearly do
  // Strings of the image that were not looked at, so that evidence may be incomplete.
  std::uint32_t truncated = 0;
};

struct VerdictLine {
  std::uint64_t t_ns = 0;
  std::uint32_t pid = 0;
  std::uint32_t tgid = 0;
  std::string_view comm = {};
  WorkloadClass klass = WorkloadClass::regular;
  std::string_view kind = {};  // empty: none
  std::string_view rule = {};  // empty: none
  std::string_view source = "kernel";
  std::optional<std::uint64_t> decided_after_ns = {};
  std::optional<std::uint64_t> hook_ns = {};
  std::string_view profile = {};  // empty: none
  std::optional<std::uint32_t> steam_appid = {};  // of a game
  std::string_view title = {};                    // empty: unknown
};

nlohmann::json to_json(const StatusReport& report);
nlohmann::json to_json(const ExplainReport& report);
nlohmann::json to_json(const VerdictLine& line);

}  // namespace vigil::wire
