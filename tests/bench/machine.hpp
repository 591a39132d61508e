// SPDX-License-Identifier: GPL-2.0-only
//
// What the benchmarks do to the machine: start children with a known environment, start the daemon, read what
// the kernel counts. A benchmark that cannot do what it must ends with a sentence (fatal), status 77 where
// only root or a BPF-capable kernel is missing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace vigil::bench {

[[noreturn]] void fatal(const std::string& sentence);
[[noreturn]] void skip(const std::string& sentence);

template <typename T>
T must(Result<T> result) {
  if (!result) fatal(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Skips without root; prints where_and_when().
void begin(const char* benchmark);

// NAME=value strings as a session has them: 24 bytes on average, none that a shipped rule asks for. `bytes`
// says how many.
std::vector<std::string> environment(std::size_t variables);

// A folder that goes away with its contents (one level deep).
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  // A copy of `program` under another name, executable.
  std::string copy(const std::string& program, const std::string& name) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A child with a pipe on its standard input and one on its output. It may still be in the middle of its exec.
struct Child {
  pid_t pid = -1;
  UniqueFd in, out;
};
Child start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            int error_fd = 2);
// Returns when a `load hold` has run its first instructions.
void wait_until_it_runs(const Child& child);
// Closes its input, reads its output to the end, waits. Fatal when it failed.
std::string finish(Child child);
// start + finish with no environment.
std::string output_of(const std::vector<std::string>& arguments);

// Run-time statistics of BPF programs: on while the object lives. (The kernel then reads the clock twice a
// run: some 20-40 ns more.)
class BpfStats {
 public:
  BpfStats();

 private:
  UniqueFd fd_;
};
struct ProgramTime {
  std::uint64_t runs = 0, ns = 0;
  ProgramTime operator-(const ProgramTime& before) const { return {runs - before.runs, ns - before.ns}; }
  double each() const { return runs ? static_cast<double>(ns) / static_cast<double>(runs) : 0; }
};
ProgramTime program_time(int program_fd);

// CPU time of a process (all threads, ns) and its voluntary context switches, by /proc.
std::uint64_t cpu_ns(pid_t pid);
std::uint64_t voluntary_switches(pid_t pid);
// A field of /proc/PID/status or smaps_rollup in KiB; 0 when absent.
std::uint64_t kib_of(pid_t pid, const char* file, const char* field);

void pin_to_cpu(int cpu);

// A BPF map that a process has open, by name: reading it does not wake that process.
UniqueFd map_of(pid_t pid, const char* name);

// The real daemon, observing, on a socket of its own, silent.
class Daemon {
 public:
  // Returns when it has said `ready`.
  explicit Daemon(const std::string& program, const std::vector<std::string>& more = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;
  pid_t pid() const { return child_.pid; }
  std::string socket() const { return scratch_.path() + "/control.sock"; }

 private:
  Scratch scratch_;
  Child child_;
};

}  // namespace vigil::bench
