// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/doctor.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "../support/temp_dir.hpp"

using namespace vigil::ctl;
using vigil::test::TempDir;
using Ids = std::vector<std::string>;

namespace {

MachineFacts good() {
  MachineFacts facts;
  facts.kernel = "7.3.4";
  facts.has_sched_ext = facts.has_btf = facts.is_root = facts.has_cgroup2 = facts.has_psi = true;
  facts.has_bpf_jit = true;
  facts.scheduler = "vigil_0.1.0";
  facts.cpu_vendor = "AuthenticAMD";
  facts.scaling_driver = "amd-pstate-epp";
  facts.prefcore = "enabled";
  facts.rt_runtime = "950000";
  facts.programs = {"systemd", "scx_vigil", "bash"};
  return facts;
}

Ids found(const MachineFacts& facts) {
  Ids ids;
  for (const auto& finding : examine(facts)) {
    CHECK(finding.what.ends_with('.'));
    CHECK_FALSE(finding.todo.empty());
    ids.push_back(finding.id);
  }
  return ids;
}

template <typename Change>
Ids found_with(Change change) {
  auto facts = good();
  change(facts);
  return found(facts);
}

void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("doctor: a machine that has everything needs nothing") {
  CHECK(found(good()).empty());
}

TEST_CASE("doctor: each thing that is missing is one finding") {
  CHECK(found_with([](auto& f) { f.has_sched_ext = false; }) == Ids{"no-sched-ext"});
  CHECK(found_with([](auto& f) { f.has_btf = false; }) == Ids{"no-btf"});
  CHECK(found_with([](auto& f) { f.lockdown = "confidentiality"; }) == Ids{"lockdown"});
  CHECK(found_with([](auto& f) { f.lockdown = "integrity"; }).empty());
  CHECK(found_with([](auto& f) { f.scheduler = "lavd_1.1"; }) == Ids{"other-scheduler"});
  CHECK(found_with([](auto& f) { f.scheduler = ""; }).empty());
  CHECK(found_with([](auto& f) { f.has_cgroup2 = false; }) == Ids{"no-cgroup2"});
  CHECK(found_with([](auto& f) { f.has_psi = false; }) == Ids{"no-psi"});
  CHECK(found_with([](auto& f) { f.has_bpf_jit = false; }) == Ids{"no-bpf-jit"});
  CHECK(found_with([](auto& f) { f.has_bpf_jit = std::nullopt; }).empty());
  CHECK(found_with([](auto& f) { f.prefcore = "disabled"; }) == Ids{"prefcore"});
  CHECK(found_with([](auto& f) { f.scaling_driver = "acpi-cpufreq"; }) == Ids{"no-amd-pstate"});
  CHECK(found_with([](auto& f) { f.x3d_mode = "frequency"; }) == Ids{"x3d-frequency"});
  CHECK(found_with([](auto& f) { f.platform_profile = "low-power", f.on_mains = true; }) == Ids{"profile-saves"});
  CHECK(found_with([](auto& f) { f.energy_preference = "power", f.on_mains = true; }) == Ids{"epp-power"});
  CHECK(found_with([](auto& f) { f.energy_preference = "power", f.platform_profile = "low-power"; }).empty());
  CHECK(found_with([](auto& f) { f.rt_runtime = "-1"; }) == Ids{"rt-unlimited"});
  CHECK(found_with([](auto& f) { f.bpf_stats = true; }) == Ids{"bpf-stats"});
  CHECK(found_with([](auto& f) { f.is_root = false; }) == Ids{"not-root"});
  CHECK(found_with([](auto& f) {
          f.no_memory_counters = "No event source counts memory traffic.";
          f.for_memory_counters = "Load one.";
        }) == Ids{"no-memory-counters"});
  CHECK(found_with([](auto& f) { f.programs.push_back("ananicy-cpp"); }) == Ids{"running-ananicy-cpp"});
  CHECK(found_with([](auto& f) { f.programs.push_back("scx_loader"); }) == Ids{"running-scx_loader"});
  CHECK(found_with([](auto& f) { f.programs.push_back("scx_lavd"); }) == Ids{"running-scheduler"});
}

TEST_CASE("doctor: an Intel machine on acpi-cpufreq is not told of AMD's driver") {
  CHECK(found_with([](auto& f) {
          f.cpu_vendor = "GenuineIntel";
          f.scaling_driver = "acpi-cpufreq";
        }).empty());
}

TEST_CASE("doctor: problems come before advice") {
  CHECK(found_with([](auto& f) {
          f.is_root = false;
          f.has_psi = false;
          f.programs.push_back("gamemoded");
          f.scheduler = "lavd_1.1";
        }).front() == "other-scheduler");
}

TEST_CASE("doctor: reads the facts from files, and what is not there is not so") {
  const TempDir dir;
  const auto sys = dir / "sys", proc = dir / "proc";
  std::filesystem::create_directories(sys);
  std::filesystem::create_directories(proc);
  const auto nothing = read_machine(sys, proc);
  CHECK_FALSE(nothing.has_sched_ext);
  CHECK_FALSE(nothing.has_bpf_jit);
  CHECK(nothing.programs.empty());

  put(sys + "/kernel/sched_ext/root/ops", "lavd_1.1.3\n");
  put(sys + "/kernel/btf/vmlinux", "x");
  put(sys + "/kernel/security/lockdown", "none [integrity] confidentiality\n");
  put(sys + "/devices/system/cpu/amd_pstate/prefcore", "disabled\n");
  put(sys + "/bus/platform/drivers/amd_x3d_vcache/AMDI0101:00/amd_x3d_mode", "frequency\n");
  put(sys + "/class/power_supply/AC/type", "Mains\n");
  put(sys + "/class/power_supply/AC/online", "1\n");
  put(sys + "/firmware/acpi/platform_profile", "balanced\n");
  put(proc + "/sys/kernel/osrelease", "7.3.4-test\n");
  put(proc + "/sys/net/core/bpf_jit_enable", "0\n");
  put(proc + "/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
  put(proc + "/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\n");
  put(proc + "/17/comm", "ananicy-cpp\n");
  put(proc + "/18/comm", "bash\n");
  put(proc + "/notapid/comm", "ghost\n");
  const auto facts = read_machine(sys, proc);
  CHECK(facts.has_sched_ext);
  CHECK(facts.has_btf);
  CHECK(facts.scheduler == "lavd_1.1.3");
  CHECK(facts.lockdown == "integrity");
  CHECK(facts.prefcore == "disabled");
  CHECK(facts.x3d_mode == "frequency");
  CHECK(facts.on_mains);
  CHECK(facts.platform_profile == "balanced");
  CHECK(facts.kernel == "7.3.4-test");
  CHECK(facts.has_bpf_jit == false);
  CHECK(facts.has_cgroup2);
  CHECK(facts.cpu_vendor == "AuthenticAMD");
  CHECK(facts.programs == Ids{"ananicy-cpp", "bash"});
}
