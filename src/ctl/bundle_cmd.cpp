// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/bundle_cmd.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "ctl/text.hpp"

namespace vigil::ctl {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct Section {
  std::string title;
  std::string text;
};

constexpr std::size_t kMostOutput = 4 * 1024 * 1024;

// What a program prints on both streams, and how it ended. Run directly, without a shell.
std::string output_of(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return "(not run)";
  UniqueFd out(ends[0]), in(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, in.get(), STDERR_FILENO);
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  in.reset();
  if (error != 0) return "(not run: " + Error::system(command[0], error).message() + ")";
  std::string text;
  std::array<char, 65536> chunk;
  for (ssize_t got = 0;
       (got = read(out.get(), chunk.data(), chunk.size())) > 0 || (got < 0 && errno == EINTR);)
    if (got > 0 && text.size() < kMostOutput) text.append(chunk.data(), static_cast<std::size_t>(got));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    text += WIFEXITED(status) ? "(exit status " + std::to_string(WEXITSTATUS(status)) + ")\n"
                              : "(ended by signal " + std::to_string(WTERMSIG(status)) + ")\n";
  return text;
}

std::string content_of(const fs::path& path, std::size_t most = 64 * 1024) {
  std::ifstream file(path);
  if (!file) return {};
  std::string text(most, '\0');
  file.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

// "name: content" of every small file in a folder.
std::string folder_of(const fs::path& folder) {
  std::string text;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error)) {
      const auto content = content_of(it->path(), 4096);
      text += it->path().filename().string() + ": " + std::string(trim_space(content)) + '\n';
    }
  return text;
}

// Not the host's name.
std::string kernel() {
  utsname name{};
  if (uname(&name) != 0) return {};
  return std::string(name.sysname) + ' ' + name.release + ' ' + name.version + ' ' + name.machine + '\n';
}

std::string cpu_model() {
  std::istringstream lines(content_of("/proc/cpuinfo"));
  std::string text;
  for (std::string line; std::getline(lines, line) && !line.empty();)
    for (const auto* field : {"vendor_id", "cpu family", "model", "stepping", "microcode"})
      if (line.starts_with(field)) {
        text += line + '\n';
        break;
      }
  return text;
}

std::string distribution() {
  std::istringstream lines(content_of("/etc/os-release"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("PRETTY_NAME=")) return line.substr(12) + '\n';
  return {};
}

// Of the kernel's command line only what concerns scheduling: the rest may say more than its owner wants to.
std::string boot_options() {
  std::string text;
  for (const auto word : split(trim_space(content_of("/proc/cmdline")), ' '))
    for (const auto* concerned : {"amd_pstate", "amd_prefcore", "intel_pstate", "psi", "isolcpus", "nohz",
                                  "rcu_nocbs", "preempt", "lockdown", "systemd.unified", "cgroup", "nosmt",
                                  "mitigations", "maxcpus", "nr_cpus", "numa", "threadirqs"})
      if (word.starts_with(concerned)) {
        text += std::string(word) + '\n';
        break;
      }
  return text.empty() ? "(nothing that concerns scheduling)\n" : text;
}

// Beside this program, as in a build tree, or where it was installed.
std::string daemon_path() {
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  for (const auto& path : {self.parent_path() / "scx_vigil", fs::path("/usr/bin/scx_vigil"),
                           fs::path("/usr/sbin/scx_vigil"), fs::path("/usr/local/bin/scx_vigil")})
    if (access(path.c_str(), X_OK) == 0) return path.string();
  return {};
}

std::string answer_of(const Options& options, const wire::Request& request) {
  auto answer = ask(options, request);
  // What a game is called may be from its environment, and what somebody plays is nobody's business.
  if (answer && answer->contains("games"))
    for (auto& game : (*answer)["games"])
      if (game.is_object()) game.erase("title");
  return answer ? answer->dump(2, ' ', false, json::error_handler_t::replace) + '\n'
                : answer.error().message + '\n';
}

std::vector<Section> collect(const Options& options) {
  std::vector<Section> sections;
  const auto add = [&](const char* title, std::string text) { sections.push_back({title, std::move(text)}); };
  add("vigilctl", "vigilctl " VIGIL_VERSION "\n");
  add("kernel", kernel());
  add("distribution", distribution());
  add("processor", cpu_model());
  add("boot options", boot_options());
  add("sched_ext", folder_of("/sys/kernel/sched_ext") + folder_of("/sys/kernel/sched_ext/root"));
  if (const auto daemon = daemon_path(); !daemon.empty()) {
    add("daemon's version", output_of({daemon, "--version"}));
    add("preflight", output_of({daemon, "--check"}));
  } else {
    add("preflight", "(scx_vigil was not found beside vigilctl or in /usr/bin)\n");
  }
  add("status", answer_of(options, wire::StatusCall{}));
  add("stats", answer_of(options, wire::StatsCall{}));
  const std::string self = "/proc/self/exe";
  add("doctor", output_of({self, "doctor", "--socket", options.socket}));
  add("rules", output_of({self, "rules", "check"}));
  add("topology", output_of({self, "topology", "--json"}));
  add("devices", output_of({self, "devices", "--json"}));
  return sections;
}

std::string new_name() {
  const time_t now = time(nullptr);
  tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 64> buffer{};
  std::strftime(buffer.data(), buffer.size(), "vigil-bundle-%Y%m%d-%H%M%S.txt", &parts);
  return buffer.data();
}

}  // namespace

int run_bundle(const Options& options, const std::string& file) {
  const auto sections = collect(options);
  std::string text =
      "Vigil bug report. Read it before you send it: it describes your machine and what Vigil did.\n";
  for (const auto& section : sections) text += "\n=== " + section.title + " ===\n" + section.text;
  if (file == "-") {
    print(text);
    return kDone;
  }
  const auto path = file.empty() ? new_name() : file;
  // Never over something that is there, and readable by its owner alone.
  const UniqueFd out(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) return report(options, {kFailed, "internal", Error::system("write " + path).message()});
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t put = write(out.get(), text.data() + written, text.size() - written);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return report(options, {kFailed, "internal", Error::system("write " + path).message()});
    written += static_cast<std::size_t>(put);
  }
  if (options.json) {
    json titles = json::array();
    for (const auto& section : sections) titles.push_back(section.title);
    print_json({{"file", path}, {"sections", std::move(titles)}});
  } else {
    print("Everything a bug report needs is in " + path + ". Read it before you send it.\n");
  }
  return kDone;
}

}  // namespace vigil::ctl
