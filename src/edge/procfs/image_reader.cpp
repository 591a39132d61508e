// SPDX-License-Identifier: GPL-2.0-only
#include "edge/procfs/image_reader.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/text.hpp"
#include "core/classify/rule.hpp"
#include "edge/procfs/proc_file.hpp"

namespace vigil::edge {

namespace {

using classify::flag_bit;
using classify::KernelFlag;

// include/linux/sched.h
constexpr std::uint64_t kWorkqueueWorker = 0x20, kKernelThread = 0x200000;

std::vector<std::string> strings_of(const std::optional<std::string>& text) {
  std::vector<std::string> out;
  if (!text || text->empty()) return out;
  std::string_view rest = *text;
  if (rest.back() == '\0') rest.remove_suffix(1);
  for (const auto part : split(rest, '\0')) out.emplace_back(part);
  return out;
}

}  // namespace

bool ImageReader::read_stat(std::uint32_t tgid, ProcessImage& into) const {
  const auto stat = read_proc_file(root_ + "/" + std::to_string(tgid) + "/stat");
  if (!stat) return false;
  // The name in parentheses may contain anything, also parentheses and spaces.
  const auto begin = stat->find('('), end = stat->rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin || end + 2 > stat->size()) return false;
  into.comm = stat->substr(begin + 1, end - begin - 1);
  const auto fields = split(trim_space(std::string_view(*stat).substr(end + 2)), ' ');
  if (fields.size() < 39) return false;
  const auto number = [&fields](std::size_t field) { return parse_number<std::int64_t>(fields[field - 3]).value_or(0); };
  into.key.tgid = tgid;
  into.key.start_ns = static_cast<std::uint64_t>(number(22)) * kProcTickNs;
  into.ppid = static_cast<std::uint32_t>(number(4));
  into.threads = static_cast<std::uint32_t>(number(20));
  const auto flags = static_cast<std::uint64_t>(number(9));
  into.kthread = flags & kKernelThread;
  if (into.kthread) into.flags |= flag_bit(KernelFlag::kthread);
  if ((flags & kWorkqueueWorker) || (into.kthread && into.comm.starts_with("kworker/"))) into.flags |= flag_bit(KernelFlag::kworker);
  if (number(19) > 0) into.flags |= flag_bit(KernelFlag::nice);
  const auto policy = number(41);
  if (policy == SCHED_FIFO || policy == SCHED_RR || policy == 6 /* SCHED_DEADLINE */) into.flags |= flag_bit(KernelFlag::realtime);
  return true;
}

std::optional<ProcessImage> ImageReader::identify(std::uint32_t tgid) const {
  ProcessImage image;
  if (!read_stat(tgid, image)) return std::nullopt;
  return image;
}

std::optional<ProcessImage> ImageReader::read(std::uint32_t tgid) const {
  ProcessImage image;
  const auto base = root_ + "/" + std::to_string(tgid);
  const auto status = read_proc_file(base + "/status");
  if (!status) return std::nullopt;
  for (const auto line : split(*status, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = line.substr(0, colon), value = trim_space(line.substr(colon + 1));
    if (name == "Uid") image.uid = parse_number<std::uint32_t>(value.substr(0, value.find_first_of("\t "))).value_or(0);
    // One number a namespace: more than one is a namespace of its own.
    if (name == "NSpid" && value.find_first_of("\t ") != std::string_view::npos) image.flags |= flag_bit(KernelFlag::pidns);
  }
  std::array<char, PATH_MAX> link;
  if (const auto n = ::readlink((base + "/exe").c_str(), link.data(), link.size()); n > 0) {
    image.exe.assign(link.data(), static_cast<std::size_t>(n));
    if (constexpr std::string_view gone = " (deleted)"; image.exe.ends_with(gone)) image.exe.resize(image.exe.size() - gone.size());
  }
  image.argv = strings_of(read_proc_file(base + "/cmdline"));
  image.env = strings_of(read_proc_file(base + "/environ"));
  if (const auto cgroup = read_proc_file(base + "/cgroup"))
    for (const auto line : split(*cgroup, '\n'))
      if (line.starts_with("0::")) image.cgroup_path = std::string(line.substr(3));
  // Last: what was read before belongs to the process this names, or to nobody.
  if (!read_stat(tgid, image)) return std::nullopt;
  return image;
}

std::vector<ProcessImage> ImageReader::read_all() const {
  std::vector<ProcessImage> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(root_.c_str()), ::closedir);
  if (!folder) return out;
  while (const dirent* entry = ::readdir(folder.get())) {
    const auto pid = parse_number<std::uint32_t>(entry->d_name);
    if (!pid) continue;
    if (auto image = read(*pid)) out.push_back(std::move(*image));
  }
  std::sort(out.begin(), out.end(), [](const ProcessImage& a, const ProcessImage& b) {
    return a.key.start_ns != b.key.start_ns ? a.key.start_ns < b.key.start_ns : a.key.tgid < b.key.tgid;
  });
  return out;
}

}  // namespace vigil::edge
