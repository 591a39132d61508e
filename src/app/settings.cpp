// SPDX-License-Identifier: GPL-2.0-only
#include "app/settings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "core/config/settings.hpp"
#include "edge/files/config_files.hpp"

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

std::string builtin_folder(const std::string& name) {
  // A build tree: BUILD/scx_vigil beside BUILD/meson-info, with the source around it.
  const auto folder = own_folder();
  if (const auto source = folder + "/../tools/" + name; is_folder(folder + "/meson-info") && is_folder(source)) return source;
  return "/usr/share/vigil/" + name;
}

namespace {

constexpr const char* kDefaultFile = "/etc/vigil/vigil.toml";

// A file that was named must be there; the default one need not.
Result<config::Settings> read_settings(const CommandLine& line) {
  const std::string path = line.config.value_or(kDefaultFile);
  if (!line.config && ::access(path.c_str(), F_OK) != 0) return config::Settings{};
  auto text = edge::read_text_file(path);
  if (!text) return fail(std::move(text).error());
  auto settings = config::parse_settings({path, std::move(*text), 0});
  if (!settings) return fail(config::to_string(settings.error()));
  return std::move(*settings);
}

}  // namespace

std::optional<RunMode> parse_run_mode(std::string_view name) {
  for (const auto mode : {RunMode::automatic, RunMode::schedule, RunMode::observe})
    if (to_string(mode) == name) return mode;
  return std::nullopt;
}

Result<Options> settle(const CommandLine& line) {
  auto settings = read_settings(line);
  if (!settings) return fail(std::move(settings).error());
  Options out;
  if (settings->mode) out.mode = parse_run_mode(*settings->mode).value_or(RunMode::automatic);
  if (line.mode) out.mode = *line.mode;
  if (settings->events == "bpf") out.events = EventSource::bpf;
  if (settings->events == "proc-connector") out.events = EventSource::connector;
  if (settings->log_level) out.log_level = log::parse_level(*settings->log_level).value_or(log::Level::info);
  if (line.log_level) out.log_level = *line.log_level;
  if (settings->socket) out.socket = *settings->socket;
  if (line.socket) out.socket = *line.socket;
  if (settings->socket_group) out.socket_group = *settings->socket_group;
  if (settings->ring_kib) out.ring_bytes = *settings->ring_kib * 1024;
  if (line.ring_bytes) out.ring_bytes = *line.ring_bytes;

  for (const auto& folder : line.rules)
    if (!is_folder(folder)) return fail("--rules " + folder + ": no such folder");
  for (const auto& folder : line.profiles)
    if (!is_folder(folder)) return fail("--profiles " + folder + ": no such folder");
  const auto folders = [](const std::vector<std::string>& told, const std::vector<std::string>& set, const std::string& name) {
    if (!told.empty()) return told;
    return set.empty() ? std::vector<std::string>{builtin_folder(name), "/etc/vigil/" + name} : set;
  };
  out.rule_folders = folders(line.rules, settings->rules, "rules.d");
  out.profile_folders = folders(line.profiles, settings->profiles, "profiles.d");
  // Its own rules alone, say for a test: profiles may name rules that are not among them.
  if (!line.rules.empty() && line.profiles.empty()) out.profile_folders.clear();
  // Rules that were named on the command line are all there are.
  if (settings->ananicy)
    out.ananicy_folder = *settings->ananicy;
  else if (line.rules.empty())
    out.ananicy_folder = "/etc/ananicy.d";
  if (settings->storm_execs) out.storm_execs = *settings->storm_execs;
  if (line.sysfs_root) out.sysfs_root = *line.sysfs_root;
  if (line.proc_root) out.proc_root = *line.proc_root;
  out.simulate_cxl = line.simulate_cxl;
  out.stats_seconds = line.stats_seconds;
  out.monitor_seconds = line.monitor_seconds;
  out.power = settings->power;
  out.scheduler = settings->scheduler;
  out.classes = settings->classes;
  out.memory = settings->memory;
  return out;
}

}  // namespace vigil::app
