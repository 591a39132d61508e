// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/topology_cmd.hpp"

#include <cstdio>

#include "core/topology/devices.hpp"
#include "core/topology/topology.hpp"
#include "ctl/topology_text.hpp"
#include "edge/sysfs/live_cpuid.hpp"
#include "edge/sysfs/sys_tree.hpp"
#include "wire/topology_json.hpp"

namespace vigil {

namespace {

Result<SysTree> open_tree(const std::string& sysfs_root, const std::string& proc_root) {
  return SysTree::open(sysfs_root, proc_root.empty() ? SysTree::proc_root_for(sysfs_root) : proc_root);
}

// The running CPUs say of themselves what a captured tree cannot.
topology::Topology read(const SysTree& tree, const std::string& sysfs_root) {
  return topology::read_topology(tree, sysfs_root == "/sys" ? live_cpuid() : topology::CpuidProvider());
}

int print(const std::string& text) {
  const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return whole && std::fflush(stdout) == 0 ? 0 : 1;
}

int print_error(const Error& error) {
  std::fprintf(stderr, "vigilctl: %s\n", error.message().c_str());
  return 1;
}

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace

int run_topology(const std::string& sysfs_root, bool json, const std::string& proc_root) {
  const auto tree = open_tree(sysfs_root, proc_root);
  if (!tree) return print_error(tree.error());
  const auto topology = read(*tree, sysfs_root);
  if (json) return print(dump(to_json(topology)));
  return print(draw(topology, topology::read_devices(*tree, topology)));
}

int run_devices(const std::string& sysfs_root, bool json, const std::string& proc_root) {
  const auto tree = open_tree(sysfs_root, proc_root);
  if (!tree) return print_error(tree.error());
  const auto devices = topology::read_devices(*tree, read(*tree, sysfs_root));
  return print(json ? dump(to_json(devices)) : draw(devices));
}

}  // namespace vigil
