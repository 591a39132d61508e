// SPDX-License-Identifier: GPL-2.0-only
#include "machine.hpp"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "figures.hpp"

namespace vigil::bench {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const auto& string : strings) out.push_back(const_cast<char*>(string.c_str()));
  out.push_back(nullptr);
  return out;
}

std::string proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

}  // namespace

void fatal(const std::string& sentence) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", sentence.c_str());
  std::exit(1);
}

void skip(const std::string& sentence) {
  std::fflush(stdout);
  std::fprintf(stderr, "skipped: %s\n", sentence.c_str());
  std::exit(77);
}

void begin(const char* benchmark) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("%s: %s\n", benchmark, where_and_when().c_str());
  if (geteuid() != 0) skip("needs root to load BPF programs");
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
    skip("this kernel has no type information (CONFIG_DEBUG_INFO_BTF)");
}

std::vector<std::string> environment(std::size_t variables) {
  static constexpr const char* kStems[] = {"LC_",         "XDG_SESSION_", "GTK_",           "QT_",   "DBUS_",
                                           "npm_config_", "LESS_",        "MY_APP_OPTION_", "JAVA_", "TERM_"};
  std::vector<std::string> out;
  for (std::size_t i = 0; i < variables; ++i) {
    std::string text = kStems[i % std::size(kStems)] + std::to_string(i) + "=";
    text.append(6 + i * 7 % 19, static_cast<char>('a' + i % 26));
    out.push_back(std::move(text));
  }
  return out;
}

Scratch::Scratch() {
  char name[] = "/tmp/vigil-bench-XXXXXX";
  if (!mkdtemp(name)) fatal(std::string("cannot make a folder in /tmp: ") + std::strerror(errno));
  path_ = name;
}

Scratch::~Scratch() {
  if (DIR* folder = opendir(path_.c_str())) {
    while (const dirent* entry = readdir(folder)) unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
  }
  rmdir(path_.c_str());
}

std::string Scratch::copy(const std::string& program, const std::string& name) const {
  const std::string to = path_ + "/" + name;
  {
    std::ifstream in(program, std::ios::binary);
    std::ofstream out(to, std::ios::binary);
    out << in.rdbuf();
    if (!in || !out) fatal("cannot copy " + program + " to " + to);
  }
  chmod(to.c_str(), 0755);
  return to;
}

Child start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            int error_fd) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
    fatal(std::string("cannot make a pipe: ") + std::strerror(errno));
  const auto argv = pointers(arguments), envp = pointers(environment);
  const pid_t pid = vfork();
  if (pid == 0) {
    dup2(in[0], 0);
    dup2(error_fd == 1 ? out[1] : error_fd, 2);
    dup2(out[1], 1);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  if (pid < 0) fatal(std::string("cannot start a process: ") + std::strerror(errno));
  close(in[0]);
  close(out[1]);
  return Child{pid, UniqueFd(in[1]), UniqueFd(out[0])};
}

void wait_until_it_runs(const Child& child) {
  char byte = 0;
  while (read(child.out.get(), &byte, 1) != 1)
    if (errno != EINTR) fatal("a child did not start");
}

std::string finish(Child child) {
  child.in.reset();
  std::string output;
  std::array<char, 4096> buffer;
  for (ssize_t n = 0; (n = read(child.out.get(), buffer.data(), buffer.size())) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    output.append(buffer.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0)
    fatal("a child ended with status " + std::to_string(status) + (output.empty() ? "" : ": " + output));
  return output;
}

std::string output_of(const std::vector<std::string>& arguments) {
  return finish(start(arguments, {}));
}

BpfStats::BpfStats() : fd_(bpf_enable_stats(BPF_STATS_RUN_TIME)) {
  if (!fd_)
    skip(std::string("the kernel's BPF run-time statistics cannot be switched on: ") + std::strerror(errno));
}

ProgramTime program_time(int program_fd) {
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program_fd, &info, &size) < 0)
    fatal(std::string("cannot read a BPF program's statistics: ") + std::strerror(errno));
  return {info.run_cnt, info.run_time_ns};
}

std::uint64_t cpu_ns(pid_t pid) {
  std::uint64_t ns = 0;
  std::ifstream(proc(pid, "schedstat")) >> ns;
  return ns;
}

std::uint64_t kib_of(pid_t pid, const char* file, const char* field) {
  std::ifstream in(proc(pid, file));
  for (std::string line; std::getline(in, line);)
    if (line.compare(0, std::strlen(field), field) == 0 && line[std::strlen(field)] == ':')
      return std::strtoull(line.c_str() + std::strlen(field) + 1, nullptr, 10);
  return 0;
}

std::uint64_t voluntary_switches(pid_t pid) {
  return kib_of(pid, "status", "voluntary_ctxt_switches");
}

void pin_to_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) fatal("cannot pin to CPU " + std::to_string(cpu));
}

UniqueFd map_of(pid_t pid, const char* name) {
  const auto folder = proc(pid, "fdinfo");
  UniqueFd found;
  DIR* entries = opendir(folder.c_str());
  while (const dirent* entry = entries ? readdir(entries) : nullptr) {
    std::ifstream in(folder + "/" + entry->d_name);
    for (std::string line; !found && std::getline(in, line);) {
      if (line.compare(0, 7, "map_id:") != 0) continue;
      UniqueFd fd(bpf_map_get_fd_by_id(static_cast<__u32>(std::strtoul(line.c_str() + 7, nullptr, 10))));
      bpf_map_info info{};
      __u32 size = sizeof(info);
      if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 && std::strcmp(info.name, name) == 0)
        found = std::move(fd);
    }
  }
  if (entries) closedir(entries);
  if (!found) fatal(std::string("the daemon has no BPF map '") + name + "' open");
  return found;
}

Daemon::Daemon(const std::string& program, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {program, "--mode", "observe", "--socket", socket()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  child_ = start(arguments, {"PATH=/usr/bin:/bin"}, 1);
  std::string said;
  std::array<char, 4096> buffer;
  while (said.find("ready") == std::string::npos) {
    pollfd poll_fd{child_.out.get(), POLLIN, 0};
    if (poll(&poll_fd, 1, 60'000) <= 0) fatal("the daemon was not ready after a minute; it said:\n" + said);
    const auto n = read(child_.out.get(), buffer.data(), buffer.size());
    if (n <= 0) fatal("the daemon ended instead of getting ready; it said:\n" + said);
    said.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Daemon::~Daemon() {
  kill(child_.pid, SIGTERM);
  int status = 0;
  waitpid(child_.pid, &status, 0);
}

}  // namespace vigil::bench
