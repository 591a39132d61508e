// SPDX-License-Identifier: GPL-2.0-only
//
// scx_vigil: the daemon. Reads the command line, runs, and says why it stopped.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/check.hpp"
#include "app/daemon.hpp"
#include "app/settings.hpp"

namespace {

using namespace vigil;
using namespace vigil::app;

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{"Knows what every process is for the instant it starts, and schedules it accordingly."};
  cli.set_version_flag("--version", "scx_vigil " VIGIL_VERSION);
  CommandLine line;
  std::string mode, level, simulate;
  bool check = false;
  cli.add_option("--mode", mode, "auto: attach the scheduler where the kernel can, else observe; schedule: fail where it "
                                 "cannot; observe: classify only")
      ->check(CLI::IsMember({"auto", "schedule", "observe"}));
  cli.add_option("--config", line.config, "configuration file [/etc/vigil/vigil.toml]")->type_name("FILE");
  cli.add_option("--rules", line.rules, "folder of rule files, in place of the shipped one and /etc/vigil/rules.d; repeated: later "
                                               "ones override earlier ones, so name the shipped one first to keep it")->type_name("DIR");
  cli.add_option("--profiles", line.profiles, "folder of profiles, likewise; with --rules alone there are no profiles")->type_name("DIR");
  cli.add_option("--socket", line.socket, "control socket [/run/vigil/control.sock]")->type_name("PATH");
  cli.add_option("--sysfs-root", line.sysfs_root, "where /sys is")->type_name("DIR");
  cli.add_option("--proc-root", line.proc_root, "where /proc is")->type_name("DIR");
  cli.add_option("--simulate", simulate, "a made-up source in place of hardware, labelled as such everywhere")
      ->check(CLI::IsMember({"cxl"}));
  cli.add_option("--log-level", level, "trace, debug, info, warn, error, off [info]")->type_name("LEVEL");
  cli.add_option("--stats", line.stats_seconds, "print counters this often")->type_name("SECONDS")->check(CLI::PositiveNumber);
  cli.add_option("--monitor", line.monitor_seconds, "print a running daemon's counters this often, and do nothing else")
      ->type_name("SECONDS")->check(CLI::PositiveNumber);
  cli.add_flag("--check", check, "say what this machine offers, a line a capability; exit 0 where --mode schedule would "
                                 "work, 3 where only observe would, 1 where neither");
  // For tests that want losses.
  cli.add_option("--ring-bytes", line.ring_bytes, "size of the event ring, a power of two")->group("");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? kOk : kUsage;
  }
  line.mode = parse_run_mode(mode);
  line.simulate_cxl = simulate == "cxl";
  if (!level.empty()) {
    line.log_level = log::parse_level(level);
    if (!line.log_level) {
      std::fprintf(stderr, "scx_vigil: --log-level: '%s' is none of trace, debug, info, warn, error, off\n", level.c_str());
      return kUsage;
    }
  }
  if (check) return run_check(line.sysfs_root.value_or("/sys"));

  const auto options = settle(line);
  if (!options) {
    std::fprintf(stderr, "%s\n", options.error().message().c_str());
    return kUsage;
  }
  if (options->monitor_seconds) return run_monitor(*options);
  log::start(options->log_level);
  if (geteuid() != 0) {
    std::fprintf(stderr, "scx_vigil: needs root (or CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH as root) to load "
                         "its BPF programs; start it with sudo or as a service\n");
    return kFailed;
  }
  // What reacts to events must run before what causes them.
  if (setpriority(PRIO_PROCESS, 0, -20) != 0)
    std::fprintf(stderr, "scx_vigil: cannot raise its own priority; verdicts of the daemon come later under load\n");

  auto daemon = Daemon::create(line);
  if (!daemon) {
    std::fprintf(stderr, "scx_vigil: %s\n", daemon.error().message().c_str());
    return daemon.error().code() == kConfigurationError ? kUsage : kFailed;
  }
  return (*daemon)->run();
}
