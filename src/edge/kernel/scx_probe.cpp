// SPDX-License-Identifier: GPL-2.0-only
#include "edge/kernel/scx_probe.hpp"

#include <bpf/btf.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "base/handle.hpp"
#include "base/text.hpp"

namespace vigil {

namespace {

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(trim_space(line));
}

ScxState parse_state(const std::string& text) {
  if (text == "enabled") return ScxState::enabled;
  if (text == "enabling") return ScxState::enabling;
  if (text == "disabling") return ScxState::disabling;
  if (text == "disabled") return ScxState::disabled;
  return ScxState::absent;
}

const btf_type* find(const btf* kernel, const char* name, std::uint32_t kind) {
  const int id = btf__find_by_name_kind(kernel, name, kind);
  return id > 0 ? btf__type_by_id(kernel, static_cast<std::uint32_t>(id)) : nullptr;
}

}  // namespace

std::string ScxSupport::obstacle() const {
  if (!has_btf)
    return "the kernel's type information (/sys/kernel/btf/vmlinux) cannot be read, so no BPF program fits it: a kernel built "
           "with CONFIG_DEBUG_INFO_BTF is needed";
  if (!in_btf)
    return "this kernel has no sched_ext (CONFIG_SCHED_CLASS_EXT), so its own scheduler stays; Linux 6.12 or newer with it is "
           "needed";
  if (state == ScxState::absent)
    return "/sys/kernel/sched_ext is not there although the kernel knows sched_ext: is /sys mounted?";
  if (!ops.empty())
    return "the scheduler '" + ops + "' is attached, and the kernel takes one at a time: stop it first";
  if (state == ScxState::enabled || state == ScxState::enabling)
    return "another scheduler is being attached, and the kernel takes one at a time";
  return "";
}

void read_scx_state(ScxSupport& support, const std::string& sysfs_root) {
  const auto base = sysfs_root + "/kernel/sched_ext/";
  support.state = parse_state(read_line(base + "state"));
  support.ops = read_line(base + "root/ops");
}

ScxSupport probe_scx(const std::string& sysfs_root) {
  ScxSupport support;
  const Handle<btf, btf__free> kernel(btf__load_vmlinux_btf());
  support.has_btf = kernel != nullptr;
  support.in_btf = kernel && find(kernel.get(), "sched_ext_ops", BTF_KIND_STRUCT) != nullptr;
  read_scx_state(support, sysfs_root);
  return support;
}

std::optional<std::uint64_t> btf_enumerator(const btf* kernel, const char* type, const char* name) {
  if (const auto* found = find(kernel, type, BTF_KIND_ENUM)) {
    for (int i = 0; i < btf_vlen(found); i++)
      if (std::strcmp(btf__name_by_offset(kernel, btf_enum(found)[i].name_off), name) == 0)
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(btf_enum(found)[i].val));
  }
  if (const auto* found = find(kernel, type, BTF_KIND_ENUM64)) {
    for (int i = 0; i < btf_vlen(found); i++)
      if (std::strcmp(btf__name_by_offset(kernel, btf_enum64(found)[i].name_off), name) == 0)
        return btf_enum64_value(&btf_enum64(found)[i]);
  }
  return std::nullopt;
}

bool btf_has_member(const btf* kernel, const char* type, const char* member) {
  const auto* found = find(kernel, type, BTF_KIND_STRUCT);
  if (!found) return false;
  for (int i = 0; i < btf_vlen(found); i++)
    if (std::strcmp(btf__name_by_offset(kernel, btf_members(found)[i].name_off), member) == 0) return true;
  return false;
}

}  // namespace vigil
