// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/doctor.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.hpp"
#include "core/memory/pmu/sources.hpp"
#include "edge/sysfs/sys_tree.hpp"

namespace vigil::ctl {

namespace {

namespace fs = std::filesystem;

// The first line, trimmed; empty when it cannot be read.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(trim_space(line));
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The one in brackets: "none [integrity] confidentiality".
std::string chosen(const std::string& line) {
  const auto open = line.find('['), close = line.find(']');
  return open == std::string::npos || close == std::string::npos || close < open
             ? std::string()
             : line.substr(open + 1, close - open - 1);
}

std::string cpu_vendor(const std::string& proc) {
  std::ifstream file(proc + "/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("vendor_id"))
      if (const auto colon = line.find(':'); colon != std::string::npos)
        return std::string(trim_space(std::string_view(line).substr(colon + 1)));
  return {};
}

bool has_cgroup2(const std::string& proc) {
  std::ifstream file(proc + "/self/mounts");
  for (std::string line; std::getline(file, line);) {
    const auto fields = split(line, ' ');
    if (fields.size() > 2 && fields[2] == "cgroup2") return true;
  }
  return false;
}

std::vector<std::string> running_programs(const std::string& proc) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(proc, error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    if (!parse_number<unsigned>(name)) continue;
    if (auto comm = first_line(it->path().string() + "/comm"); !comm.empty()) names.insert(std::move(comm));
  }
  return {names.begin(), names.end()};
}

std::string x3d_mode(const std::string& sys) {
  std::error_code error;
  const auto drivers = sys + "/bus/platform/drivers/amd_x3d_vcache";
  for (fs::directory_iterator it(drivers, error), end; !error && it != end; it.increment(error))
    if (auto mode = first_line(it->path().string() + "/amd_x3d_mode"); !mode.empty()) return mode;
  return {};
}

void look_for_memory_counters(const std::string& sys, const std::string& proc, MachineFacts& facts) {
  const auto tree = SysTree::open(sys, proc);
  if (!tree) return;
  const auto topology = topology::read_topology(*tree);
  const auto devices = topology::read_devices(*tree, topology);
  const auto advice = memory::advise_on_pmu(*tree, devices, memory::find_pmu_sources(*tree, topology, devices));
  if (!advice) return;
  facts.no_memory_counters = advice->what;
  facts.for_memory_counters = advice->todo;
}

bool on_mains(const std::string& sys) {
  std::error_code error;
  for (fs::directory_iterator it(sys + "/class/power_supply", error), end; !error && it != end; it.increment(error)) {
    const auto supply = it->path().string();
    if (first_line(supply + "/type") == "Mains" && first_line(supply + "/online") == "1") return true;
  }
  return false;
}

using Level = Finding::Level;

struct OtherProgram {
  const char* comm;  // at most 15 bytes: what the kernel keeps of a name
  const char* what;
  const char* todo;
};

// Programs that do part of Vigil's work, each in a way that collides with it.
constexpr std::array kOtherPrograms = {
    OtherProgram{"ananicy-cpp",
                 "ananicy-cpp is running and changes the nice values that Vigil honours as a person's wish.",
                 "Stop it while Vigil runs: sudo systemctl disable --now ananicy-cpp"},
    OtherProgram{"ananicy",
                 "Ananicy is running and changes the nice values that Vigil honours as a person's wish.",
                 "Stop it while Vigil runs: sudo systemctl disable --now ananicy"},
    OtherProgram{"scx_loader",
                 "scx_loader is running and may attach another scheduler over Vigil's, or be in its way.",
                 "Let one of them do it: sudo systemctl disable --now scx_loader"},
    OtherProgram{"falcond", "falcond is running; it switches schedulers and CPU modes when a game starts.",
                 "Let one of them do it: sudo systemctl disable --now falcond"},
    OtherProgram{"system76-schedu",
                 "system76-scheduler is running and changes nice values and scheduling policies.",
                 "Stop it while Vigil runs: sudo systemctl disable --now com.system76.Scheduler"},
    OtherProgram{
        "gamemoded",
        "GameMode is running; its renice, pin_cores and park_cores settings work against Vigil's placement.",
        "Leave it for its other features, and set renice=0, pin_cores=no and park_cores=no in gamemode.ini."},
    OtherProgram{"uresourced",
                 "uresourced is running and gives the active user's session its own CPU weight.",
                 "Nothing need be done: Vigil honours cgroup weights. Stop it if shares look wrong."},
};

void kernel_findings(const MachineFacts& facts, std::vector<Finding>& out) {
  if (!facts.has_btf)
    out.push_back(
        {Level::problem, "no-btf",
         "The kernel carries no BTF (/sys/kernel/btf/vmlinux), so Vigil's kernel half cannot be loaded.",
         "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y; distributions' kernels are."});
  if (facts.lockdown == "confidentiality")
    out.push_back({Level::problem, "lockdown",
                   "The kernel is locked down for confidentiality, which forbids BPF to look at processes.",
                   "Boot with lockdown=integrity (what Secure Boot asks for) or without lockdown."});
  if (!facts.has_sched_ext)
    out.push_back(
        {Level::problem, "no-sched-ext",
         "This kernel (" + facts.kernel + ") has no sched_ext, so Vigil classifies but cannot schedule.",
         "Use a kernel with CONFIG_SCHED_CLASS_EXT=y: 6.12 or later of Arch, CachyOS, Fedora, Ubuntu or "
         "openSUSE, or Debian's 7.x. From a clone, `sudo tools/dev vm` shows it in a guest."});
  if (!facts.scheduler.empty() && !facts.scheduler.starts_with("vigil"))
    out.push_back({Level::problem, "other-scheduler",
                   "Another scheduler is attached: " + facts.scheduler + ". The kernel takes one at a time.",
                   "Stop it (often: sudo systemctl stop scx), then: sudo systemctl restart vigil"});
  if (!facts.has_cgroup2)
    out.push_back(
        {Level::problem, "no-cgroup2",
         "No cgroup v2 hierarchy is mounted, so containers and slices are known by other evidence only.",
         "Boot with systemd.unified_cgroup_hierarchy=1, or mount one: mount -t cgroup2 none /sys/fs/cgroup"});
  if (facts.has_bpf_jit == false)
    out.push_back(
        {Level::problem, "no-bpf-jit",
         "The BPF compiler is off (net.core.bpf_jit_enable=0): sched_ext needs it, and events cost more.",
         "sudo sysctl net.core.bpf_jit_enable=1"});
  if (!facts.has_psi)
    out.push_back({Level::advice, "no-psi",
                   "Pressure stall information is off, so memory pressure is not noticed.",
                   "Boot with psi=1 on the kernel's command line."});
  if (facts.bpf_stats)
    out.push_back(
        {Level::advice, "bpf-stats",
         "kernel.bpf_stats_enabled is on: every BPF program's run is timed, which costs on each event.",
         "When nobody measures: sudo sysctl kernel.bpf_stats_enabled=0"});
  if (facts.rt_runtime == "-1")
    out.push_back(
        {Level::advice, "rt-unlimited",
         "Realtime tasks may take whole CPUs (kernel.sched_rt_runtime_us=-1); one that runs wild starves "
         "everything else, Vigil's tasks included.",
         "sudo sysctl kernel.sched_rt_runtime_us=950000"});
}

void cpu_findings(const MachineFacts& facts, std::vector<Finding>& out) {
  if (facts.cpu_vendor == "AuthenticAMD" && facts.scaling_driver == "acpi-cpufreq")
    out.push_back({Level::advice, "no-amd-pstate",
                   "This AMD machine runs acpi-cpufreq, so the firmware's ranking of cores is not known.",
                   "Boot with amd_pstate=active, and switch CPPC on in the firmware setup."});
  if (facts.prefcore == "disabled")
    out.push_back(
        {Level::advice, "prefcore",
         "amd_pstate does not use preferred cores, so the best cores are not told from the others.",
         "Remove amd_prefcore=disable from the kernel's command line, or switch CPPC Preferred Cores on in "
         "the firmware setup."});
  if (facts.x3d_mode == "frequency")
    out.push_back(
        {Level::advice, "x3d-frequency",
         "The X3D mode is 'frequency': other programs are steered away from the large cache.",
         "For Vigil either mode will do, it steers by itself; 'cache' helps when games run without it."});
}

void power_findings(const MachineFacts& facts, std::vector<Finding>& out) {
  if (!facts.on_mains) return;  // on battery, saving power is what is wanted
  if (facts.platform_profile == "low-power" || facts.platform_profile == "quiet")
    out.push_back({Level::advice, "profile-saves",
                   "The machine is on mains, but its platform profile is '" + facts.platform_profile +
                       "', so Vigil's automatic mode saves power.",
                   "Choose another profile in the desktop's settings (powerprofilesctl set balanced), or: vigilctl mode gaming"});
  if (facts.energy_preference == "power")
    out.push_back({Level::advice, "epp-power",
                   "The machine is on mains, but the CPUs' energy preference is 'power': they speed up late.",
                   "Choose another power profile, or let Vigil set it by mode: [power] epp = true in /etc/vigil/vigil.toml"});
}

}  // namespace

MachineFacts read_machine(const std::string& sys, const std::string& proc) {
  MachineFacts facts;
  facts.kernel = first_line(proc + "/sys/kernel/osrelease");
  facts.has_sched_ext = exists(sys + "/kernel/sched_ext");
  facts.has_btf = exists(sys + "/kernel/btf/vmlinux");
  facts.is_root = geteuid() == 0;
  facts.has_cgroup2 = has_cgroup2(proc);
  facts.has_psi = exists(proc + "/pressure");
  if (const auto jit = first_line(proc + "/sys/net/core/bpf_jit_enable"); !jit.empty())
    facts.has_bpf_jit = jit != "0";
  facts.lockdown = chosen(first_line(sys + "/kernel/security/lockdown"));
  facts.scheduler = first_line(sys + "/kernel/sched_ext/root/ops");
  facts.cpu_vendor = cpu_vendor(proc);
  facts.scaling_driver = first_line(sys + "/devices/system/cpu/cpufreq/policy0/scaling_driver");
  facts.amd_pstate = first_line(sys + "/devices/system/cpu/amd_pstate/status");
  facts.prefcore = first_line(sys + "/devices/system/cpu/amd_pstate/prefcore");
  facts.x3d_mode = x3d_mode(sys);
  facts.platform_profile = first_line(sys + "/firmware/acpi/platform_profile");
  facts.energy_preference = first_line(sys + "/devices/system/cpu/cpufreq/policy0/energy_performance_preference");
  facts.on_mains = on_mains(sys);
  facts.rt_runtime = first_line(proc + "/sys/kernel/sched_rt_runtime_us");
  facts.bpf_stats = first_line(proc + "/sys/kernel/bpf_stats_enabled") == "1";
  facts.programs = running_programs(proc);
  look_for_memory_counters(sys, proc, facts);
  return facts;
}

std::vector<Finding> examine(const MachineFacts& facts) {
  std::vector<Finding> out;
  kernel_findings(facts, out);
  cpu_findings(facts, out);
  power_findings(facts, out);
  for (const auto& other : kOtherPrograms)
    if (std::ranges::find(facts.programs, other.comm) != facts.programs.end())
      out.push_back({Level::advice, std::string("running-") + other.comm, other.what, other.todo});
  // Schedulers that are running name themselves; the attached one was spoken of above.
  for (const auto& program : facts.programs)
    if (program.starts_with("scx_") && program != "scx_vigil" && program != "scx_loader")
      out.push_back({Level::advice, "running-scheduler",
                     "The scheduler " + program + " is running; it and Vigil cannot both be attached.",
                     "Stop one of them (often: sudo systemctl stop scx)."});
  if (!facts.no_memory_counters.empty())
    out.push_back({Level::advice, "no-memory-counters", facts.no_memory_counters, facts.for_memory_counters});
  if (!facts.is_root)
    out.push_back({Level::advice, "not-root",
                   "This was looked at without root, so some things could not be seen.",
                   "sudo vigilctl doctor"});
  std::ranges::stable_sort(out, [](const Finding& a, const Finding& b) { return a.level < b.level; });
  return out;
}

}  // namespace vigil::ctl
