// SPDX-License-Identifier: GPL-2.0-only
#include "app/devices/device_nodes.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/classify/rule.hpp"

using namespace vigil;
using namespace vigil::app;
using classify::device_bit;
using classify::DeviceKind;

namespace {

constexpr auto kDrivers = "Character devices:\n  1 mem\n 10 misc\n195 nvidia\n226 drm\n234 kfd\n236 vfio\n 509 nvidia-uvm\n"
                          "\nBlock devices:\n  7 loop\n509 nvidia-not-this\n";

bool has(const std::vector<WatchedNode>& nodes, std::uint32_t major, std::optional<std::uint32_t> minor, DeviceKind kind) {
  return std::any_of(nodes.begin(), nodes.end(), [&](const WatchedNode& node) {
    return node.major == major && node.minor == minor && node.kind == device_bit(kind);
  });
}

}  // namespace

TEST_CASE("device nodes: only what is asked for, by fixed numbers and those that drivers were given") {
  CHECK(nodes_of(0, kDrivers).empty());
  const auto kvm = nodes_of(device_bit(DeviceKind::kvm), kDrivers);
  REQUIRE(kvm.size() == 1);
  CHECK(has(kvm, 10, 232, DeviceKind::kvm));

  const auto gpu = nodes_of(device_bit(DeviceKind::nvidia) | device_bit(DeviceKind::kfd), kDrivers);
  CHECK(gpu.size() == 3);
  CHECK(has(gpu, 195, {}, DeviceKind::nvidia));
  CHECK(has(gpu, 509, {}, DeviceKind::nvidia));
  CHECK(has(gpu, 234, {}, DeviceKind::kfd));

  const auto others = nodes_of(device_bit(DeviceKind::vfio) | device_bit(DeviceKind::drm_render), kDrivers);
  CHECK(has(others, 10, 196, DeviceKind::vfio));
  CHECK(has(others, 236, {}, DeviceKind::vfio));
  CHECK(has(others, 226, 128, DeviceKind::drm_render));
  CHECK_FALSE(has(others, 226, 0, DeviceKind::drm_render));
}

TEST_CASE("device nodes: without /proc/devices the fixed numbers remain, and rubbish is passed over") {
  CHECK(nodes_of(device_bit(DeviceKind::nvidia), "").size() == 1);
  CHECK(nodes_of(device_bit(DeviceKind::vfio), "x\n 99999999999 vfio\n-1 vfio\nvfio\n").size() == 1);
}
