// SPDX-License-Identifier: GPL-2.0-only
#include "app/devices/device_nodes.hpp"

#include <fstream>
#include <iterator>

#include "base/text.hpp"
#include "core/classify/rule.hpp"

namespace vigil::app {

namespace {

using classify::device_bit;
using classify::DeviceKind;

// Documentation/admin-guide/devices.txt
constexpr std::uint32_t kMisc = 10, kNvidia = 195, kDrm = 226;
constexpr std::uint32_t kKvmMinor = 232, kVfioMinor = 196;
constexpr std::uint32_t kFirstRender = 128, kRenderNodes = 64;

// Of the character devices: "195 nvidia", then an empty line and the block devices.
template <typename Use>
void for_each_driver(std::string_view text, Use use) {
  for (const auto line : split(text, '\n')) {
    if (line.starts_with("Block")) return;
    const auto trimmed = trim_space(line);
    const auto space = trimmed.find(' ');
    if (space == std::string_view::npos) continue;
    if (const auto major = parse_number<std::uint32_t>(trimmed.substr(0, space))) use(*major, trim_space(trimmed.substr(space)));
  }
}

}  // namespace

std::string read_driver_numbers(const std::string& proc_root) {
  std::ifstream file(proc_root + "/devices");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<WatchedNode> nodes_of(std::uint32_t kinds, std::string_view drivers) {
  std::vector<WatchedNode> out;
  const auto wanted = [kinds](DeviceKind kind) { return (kinds & device_bit(kind)) != 0; };
  const auto add = [&out](std::uint32_t major, std::optional<std::uint32_t> minor, DeviceKind kind) {
    out.push_back({.major = major, .minor = minor, .kind = device_bit(kind)});
  };
  if (wanted(DeviceKind::nvidia)) add(kNvidia, std::nullopt, DeviceKind::nvidia);
  if (wanted(DeviceKind::drm_render))
    for (std::uint32_t i = 0; i < kRenderNodes; ++i) add(kDrm, kFirstRender + i, DeviceKind::drm_render);
  if (wanted(DeviceKind::kvm)) add(kMisc, kKvmMinor, DeviceKind::kvm);
  if (wanted(DeviceKind::vfio)) add(kMisc, kVfioMinor, DeviceKind::vfio);
  for_each_driver(drivers, [&](std::uint32_t major, std::string_view name) {
    if (wanted(DeviceKind::nvidia) && major != kNvidia && name.starts_with("nvidia")) add(major, std::nullopt, DeviceKind::nvidia);
    if (wanted(DeviceKind::vfio) && (name == "vfio" || name == "vfio-dev")) add(major, std::nullopt, DeviceKind::vfio);
    if (wanted(DeviceKind::kfd) && name == "kfd") add(major, std::nullopt, DeviceKind::kfd);
  });
  return out;
}

}  // namespace vigil::app
