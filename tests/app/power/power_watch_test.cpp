// SPDX-License-Identifier: GPL-2.0-only
//
// What status says of settings that are refused, on a made tree.
#include "app/power/power_watch.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.hpp"
#include "support/unprivileged.hpp"

using namespace vigil;
using namespace vigil::app;

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string make_policy(const std::string& sys, int number) {
  const auto folder = sys + "/devices/system/cpu/cpufreq/policy" + std::to_string(number);
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/energy_performance_available_preferences") << "default performance balance_performance balance_power power\n";
  std::ofstream(folder + "/energy_performance_preference") << "balance_performance\n";
  return folder + "/energy_performance_preference";
}

}  // namespace

TEST_CASE("power: a setting that is refused degrades the status until it is set, each by itself") {
  test::TempDir folder;
  const auto first = make_policy(folder.path(), 0), second = make_policy(folder.path(), 1);
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  PowerWatch watch(*loop, {.sysfs_root = folder.path(), .notes = folder / "vigil.restore", .set_epp = true}, {});
  CHECK(watch.degraded().empty());
  const auto try_fast = [&] {
    test::Unprivileged obeys;
    REQUIRE(obeys.ok());
    watch.on_mode(true, false);
  };

  for (const auto& path : {first, second}) REQUIRE(::chmod(path.c_str(), 0444) == 0);
  try_fast();
  REQUIRE(watch.degraded().size() == 1);
  CHECK(watch.degraded()[0].find("policy0") != std::string::npos);
  CHECK(watch.degraded()[0].find("and 1 more") != std::string::npos);

  REQUIRE(::chmod(first.c_str(), 0644) == 0);
  try_fast();
  REQUIRE(watch.degraded().size() == 1);
  CHECK(watch.degraded()[0].find("policy1") != std::string::npos);
  CHECK(watch.degraded()[0].find("more") == std::string::npos);

  REQUIRE(::chmod(second.c_str(), 0644) == 0);
  try_fast();
  CHECK(watch.degraded().empty());
  CHECK(read(first) == "performance");
  CHECK(read(second) == "performance");
}
