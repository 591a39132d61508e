// SPDX-License-Identifier: GPL-2.0-only
#include "edge/procfs/process_reader.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "edge/procfs/proc_file.hpp"

namespace vigil::edge {

namespace {

// Fields of /proc/PID/stat from the third on. The name in parentheses may contain anything, also parentheses and spaces.
std::vector<std::string_view> stat_fields(std::string_view stat) {
  const auto end = stat.rfind(')');
  if (end == std::string_view::npos || end + 2 > stat.size()) return {};
  return split(stat.substr(end + 2), ' ');
}

constexpr std::size_t kFlags = 9 - 3, kNice = 19 - 3, kStart = 22 - 3, kPolicy = 41 - 3;
constexpr std::uint32_t kKernelThread = 0x00200000, kWorker = 0x00000020;  // PF_KTHREAD, PF_WQ_WORKER

std::optional<std::uint64_t> start_ticks(std::string_view stat) {
  const auto fields = stat_fields(stat);
  return fields.size() > kStart ? parse_number<std::uint64_t>(fields[kStart]) : std::nullopt;
}

// The unified hierarchy's line of /proc/PID/cgroup.
std::string unified_path(std::string_view text) {
  for (const auto line : split(text, '\n'))
    if (line.starts_with("0::")) return std::string(line.substr(3));
  return {};
}

}  // namespace

std::optional<ProcessReader::Identity> ProcessReader::identify(std::uint32_t pid) const {
  const auto base = root_ + "/" + std::to_string(pid);
  const auto status = read_proc_file(base + "/status");
  if (!status) return std::nullopt;
  Identity out;
  for (const auto line : split(*status, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = line.substr(0, colon), value = trim_space(line.substr(colon + 1));
    if (name == "Name") out.comm = std::string(value);
    if (name == "Tgid") out.key.tgid = parse_number<std::uint32_t>(value).value_or(0);
    if (name == "PPid") out.ppid = parse_number<std::uint32_t>(value).value_or(0);
    if (name == "Threads") out.threads = parse_number<std::uint32_t>(value).value_or(0);
    if (name == "Uid") out.uid = parse_number<std::uint32_t>(value.substr(0, value.find('\t')));
    if (name == "NSpid") out.in_pid_namespace = value.find('\t') != std::string_view::npos;
  }
  if (out.key.tgid == 0) return std::nullopt;
  const auto stat = read_proc_file(root_ + "/" + std::to_string(out.key.tgid) + "/stat");
  if (!stat) return std::nullopt;
  const auto ticks = start_ticks(*stat);
  if (!ticks) return std::nullopt;
  out.start_ticks = *ticks;
  const auto fields = stat_fields(*stat);
  const auto flags = parse_number<std::uint32_t>(fields[kFlags]).value_or(0);
  out.kernel_thread = flags & kKernelThread;
  out.worker = flags & kWorker;
  out.nice = parse_number<int>(fields[kNice]).value_or(0);
  const auto policy = fields.size() > kPolicy ? parse_number<int>(fields[kPolicy]).value_or(0) : 0;
  out.realtime = policy == 1 || policy == 2 || policy == 6;
  out.key.start_ns = out.start_ticks * kProcTickNs;
  return out;
}

std::string ProcessReader::cgroup_path(std::uint32_t pid) const {
  const auto text = read_proc_file(root_ + "/" + std::to_string(pid) + "/cgroup");
  return text ? unified_path(*text) : std::string{};
}

ProcessFacts ProcessReader::read(const ProcKey& key, const Wanted& wanted) const {
  ProcessFacts facts;
  facts.key = key;
  // The folder stays that of the process it was opened for: what is read through it is of nobody else.
  const UniqueFd folder(::open((root_ + "/" + std::to_string(key.tgid)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return facts;
  const auto stat = read_proc_file(folder.get(), "stat");
  if (!stat || start_ticks(*stat) != key.start_ns / kProcTickNs) return facts;
  facts.exists = true;
  std::array<char, PATH_MAX> link;
  const auto n = ::readlinkat(folder.get(), "exe", link.data(), link.size());
  if (n > 0) {
    facts.exe.assign(link.data(), static_cast<std::size_t>(n));
    // The file is gone (an update while it runs); the name is still what it was.
    if (constexpr std::string_view gone = " (deleted)"; facts.exe.ends_with(gone))
      facts.exe.resize(facts.exe.size() - gone.size());
  }
  const auto strings = [&](const char* name, std::vector<std::string>& into) {
    const auto text = read_proc_file(folder.get(), name);
    if (!text || text->empty()) return;
    std::string_view rest = *text;
    if (rest.back() == '\0') rest.remove_suffix(1);
    for (const auto part : split(rest, '\0')) into.emplace_back(part);
  };
  strings("cmdline", facts.argv);
  if (wanted.environment) strings("environ", facts.env);
  if (wanted.cgroup)
    if (const auto text = read_proc_file(folder.get(), "cgroup")) facts.cgroup_path = unified_path(*text);
  return facts;
}

}  // namespace vigil::edge
