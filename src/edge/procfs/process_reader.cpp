// SPDX-License-Identifier: GPL-2.0-only
#include "edge/procfs/process_reader.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace vigil::edge {

namespace {

constexpr std::size_t kMaxFile = 64 * 1024;
// The kernel counts start times in USER_HZ here, which is 100 on every architecture we run on.
constexpr std::uint64_t kTickNs = 10'000'000;

std::optional<std::string> read_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return std::nullopt;
  std::string out;
  std::array<char, 4096> buffer;
  while (out.size() < kMaxFile) {
    const auto n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return out;
}

}  // namespace

std::optional<ProcessReader::Identity> ProcessReader::identify(std::uint32_t pid) const {
  const auto base = root_ + "/" + std::to_string(pid);
  const auto status = read_file(base + "/status");
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
  }
  if (out.key.tgid == 0) return std::nullopt;
  const auto stat = read_file(root_ + "/" + std::to_string(out.key.tgid) + "/stat");
  if (!stat) return std::nullopt;
  // The name in parentheses may contain anything, also parentheses and spaces.
  const auto end = stat->rfind(')');
  if (end == std::string::npos) return std::nullopt;
  const auto fields = split(std::string_view(*stat).substr(end + 2), ' ');
  if (fields.size() < 20) return std::nullopt;
  out.start_ticks = parse_number<std::uint64_t>(fields[19]).value_or(0);
  out.key.start_ns = out.start_ticks * kTickNs;
  return out;
}

std::string ProcessReader::cgroup_path(std::uint32_t pid) const {
  const auto text = read_file(root_ + "/" + std::to_string(pid) + "/cgroup");
  if (!text) return {};
  for (const auto line : split(*text, '\n'))
    if (line.starts_with("0::")) return std::string(line.substr(3));
  return {};
}

ProcessFacts ProcessReader::read(const ProcKey& key, bool with_environment) const {
  ProcessFacts facts;
  facts.key = key;
  const auto base = root_ + "/" + std::to_string(key.tgid);
  std::array<char, PATH_MAX> link;
  const auto n = ::readlink((base + "/exe").c_str(), link.data(), link.size());
  if (n > 0) {
    facts.exe.assign(link.data(), static_cast<std::size_t>(n));
    // The file is gone (an update while it runs); the name is still what it was.
    if (constexpr std::string_view gone = " (deleted)"; facts.exe.ends_with(gone))
      facts.exe.resize(facts.exe.size() - gone.size());
  }
  const auto strings = [&](const char* name, std::vector<std::string>& into) {
    const auto text = read_file(base + name);
    if (!text || text->empty()) return;
    std::string_view rest = *text;
    if (rest.back() == '\0') rest.remove_suffix(1);
    for (const auto part : split(rest, '\0')) into.emplace_back(part);
  };
  strings("/cmdline", facts.argv);
  if (with_environment) strings("/environ", facts.env);
  facts.cgroup_path = cgroup_path(key.tgid);
  // Last, so that everything above was read from the process this confirms.
  const auto identity = identify(key.tgid);
  facts.exists = identity && identity->start_ticks == key.start_ns / kTickNs;
  if (!facts.exists) facts = ProcessFacts{.key = key, .exists = false, .exe = {}, .argv = {}, .cgroup_path = {}, .env = {}};
  return facts;
}

}  // namespace vigil::edge
