// SPDX-License-Identifier: GPL-2.0-only
#include "edge/sysfs/sys_tree.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/topology/devices.hpp"
#include "core/topology/topology.hpp"
#include "support/machine.hpp"

using namespace vigil;
namespace fs = std::filesystem;

namespace {

class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/vigil-sys-tree-XXXXXX";
    REQUIRE(::mkdtemp(name));
    path_ = name;
  }
  ~TempFolder() { fs::remove_all(path_); }
  std::string operator/(const std::string& below) const { return path_ + "/" + below; }
  void add(const std::string& below, const std::string& contents) const {
    fs::create_directories(fs::path(*this / below).parent_path());
    std::ofstream(*this / below, std::ios::binary) << contents;
  }
  void link(const std::string& below, const std::string& target) const {
    fs::create_directories(fs::path(*this / below).parent_path());
    fs::create_symlink(target, *this / below);
  }

 private:
  std::string path_;
};

SysTree open_tree(const TempFolder& folder) {
  auto tree = SysTree::open(folder / "sys", SysTree::proc_root_for(folder / "sys"));
  REQUIRE(tree);
  return std::move(*tree);
}

}  // namespace

TEST_CASE("sys tree: a machine on a disk reads like the same machine in memory") {
  for (const char* name : {"ryzen7900x3d", "qemu-cxl-1node", "alderlake-4p8e"}) {
    CAPTURE(name);
    const TempFolder folder;
    const auto memory = test::load_machine(name);
    for (const auto& path : memory.paths())
      if (const auto target = memory.link(path))
        folder.link(path, *target);
      else
        folder.add(path, *memory.read(path));
    const auto tree = open_tree(folder);
    const auto topology = topology::read_topology(tree);
    CHECK(topology == topology::read_topology(memory));
    CHECK(topology::read_devices(tree, topology) == topology::read_devices(memory, topology));
    CHECK(tree.take_problems().empty());
  }
}

TEST_CASE("sys tree: links lead nowhere outside the root, and circles end") {
  const TempFolder folder;
  folder.add("secret", "not yours");
  folder.add("sys/inside", "yes\n");
  folder.link("sys/up", "../../../../../../../../inside");
  folder.link("sys/out", "../secret");
  folder.link("sys/absolute", "/etc/passwd");
  folder.link("sys/a", "b");
  folder.link("sys/b", "a");
  const auto tree = open_tree(folder);
  CHECK(tree.read("sys/up") == "yes\n");
  CHECK_FALSE(tree.read("sys/out"));
  CHECK_FALSE(tree.read("sys/absolute"));
  CHECK_FALSE(tree.read("sys/a"));
  CHECK(tree.link("sys/absolute") == "/etc/passwd");
  CHECK(tree.take_problems().size() == 1);  // the circle
}

TEST_CASE("sys tree: a pipe in a captured tree does not stop the reader, and a folder is no file") {
  const TempFolder folder;
  folder.add("sys/x/y", "1");
  REQUIRE(::mkfifo((folder / "sys/pipe").c_str(), 0600) == 0);
  const auto tree = open_tree(folder);
  CHECK_FALSE(tree.read("sys/pipe"));
  CHECK_FALSE(tree.read("sys/x"));
  CHECK(tree.list("sys/x/y").empty());
}

TEST_CASE("sys tree: sizes are bounded") {
  const TempFolder folder;
  folder.add("sys/long", std::string(topology::kMaxFileBytes + 1, 'x'));
  folder.add("sys/full", std::string(topology::kMaxFileBytes, 'x'));
  const auto tree = open_tree(folder);
  CHECK_FALSE(tree.read("sys/long"));
  CHECK(tree.read("sys/full")->size() == topology::kMaxFileBytes);
  CHECK(tree.read_head("sys/long", 3) == "xxx");
  CHECK(tree.take_problems().size() == 1);
}

TEST_CASE("sys tree: what would wake a device is refused even when it is there") {
  const TempFolder folder;
  const std::string device = "sys/bus/pci/devices/0000:01:00.0/";
  for (const char* name : {"config", "current_link_speed", "current_link_width", "vpd", "resource1_resize", "rom"}) folder.add(device + name, "1");
  folder.add(device + "hwmon/hwmon0/temp1_input", "1");
  folder.add("proc/driver/nvidia/gpus/0000:01:00.0/information", "1");
  folder.add(device + "resource", "fine");
  folder.add(device + "power_state", "D3cold");
  const auto tree = open_tree(folder);
  for (const char* name : {"config", "current_link_speed", "current_link_width", "vpd", "resource1_resize", "rom", "hwmon/hwmon0/temp1_input"}) {
    CAPTURE(name);
    CHECK_FALSE(tree.read(device + name));
    CHECK_FALSE(tree.read_head(device + name, 1));
  }
  CHECK_FALSE(tree.read("proc/driver/nvidia/gpus/0000:01:00.0/information"));
  CHECK(tree.read(device + "resource") == "fine");
  CHECK(tree.read(device + "power_state") == "D3cold");
}

TEST_CASE("sys tree: /proc lies beside a captured /sys, if at all") {
  const TempFolder folder;
  folder.add("sys/x", "1");
  CHECK(SysTree::proc_root_for(folder / "sys").empty());
  CHECK_FALSE(open_tree(folder).read("proc/cpuinfo"));
  folder.add("proc/cpuinfo", "processor\t: 0\n");
  CHECK(open_tree(folder).read("proc/cpuinfo") == "processor\t: 0\n");
  CHECK(open_tree(folder).read("sys/../proc/cpuinfo") != "processor\t: 0\n");
  CHECK(SysTree::proc_root_for("/sys") == "/proc");
  CHECK(SysTree::proc_root_for("/sys/") == "/proc");
}

TEST_CASE("sys tree: a root that is not there is an error with its name") {
  const auto tree = SysTree::open("/nowhere/at/all", "");
  REQUIRE_FALSE(tree);
  CHECK(tree.error().message().find("/nowhere/at/all") != std::string::npos);
}

TEST_CASE("sys tree: unreadable files are remembered" * doctest::skip(::geteuid() == 0)) {
  const TempFolder folder;
  folder.add("sys/secret", "1");
  REQUIRE(::chmod((folder / "sys/secret").c_str(), 0) == 0);
  const auto tree = open_tree(folder);
  CHECK_FALSE(tree.read("sys/secret"));
  CHECK(tree.take_problems().size() == 1);
}
