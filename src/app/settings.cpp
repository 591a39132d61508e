// SPDX-License-Identifier: GPL-2.0-only
#include "app/settings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>

namespace vigil::app {

namespace {

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string own_folder() {
  std::array<char, PATH_MAX> link;
  const auto n = ::readlink("/proc/self/exe", link.data(), link.size());
  if (n <= 0) return {};
  std::string path(link.data(), static_cast<std::size_t>(n));
  return path.substr(0, path.rfind('/'));
}

}  // namespace

std::string builtin_rules_folder() {
  // A build tree: BUILD/scx_vigil beside BUILD/meson-info, with the source around it.
  const auto folder = own_folder();
  if (const auto source = folder + "/../tools/rules.d"; is_folder(folder + "/meson-info") && is_folder(source)) return source;
  return "/usr/share/vigil/rules.d";
}

Result<Options> settle(const CommandLine& line) {
  Options out;
  out.mode = line.mode;
  out.rule_folders = line.rules.empty() ? std::vector<std::string>{builtin_rules_folder(), "/etc/vigil/rules.d"} : line.rules;
  for (const auto& folder : line.rules)
    if (!is_folder(folder)) return fail("--rules " + folder + ": no such folder");
  if (line.socket) out.socket = *line.socket;
  if (line.sysfs_root) out.sysfs_root = *line.sysfs_root;
  if (line.proc_root) out.proc_root = *line.proc_root;
  if (line.log_level) out.log_level = *line.log_level;
  if (line.ring_bytes) out.ring_bytes = *line.ring_bytes;
  out.stats_seconds = line.stats_seconds;
  out.monitor_seconds = line.monitor_seconds;
  return out;
}

}  // namespace vigil::app
