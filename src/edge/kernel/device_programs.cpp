// SPDX-License-Identifier: GPL-2.0-only
#include "edge/kernel/device_programs.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "devices_abi.h"

namespace vigil {

namespace {

vigil_device_name key_of(const std::string& device) {
  vigil_device_name key{};
  std::memcpy(key.name, device.data(), std::min(device.size(), sizeof(key.name) - 1));
  return key;
}

template <typename Key>
void forget_all(int fd) {
  std::vector<Key> keys;
  Key key{};
  const void* at = nullptr;
  while (bpf_map_get_next_key(fd, at, &key) == 0) {
    keys.push_back(key);
    at = &key;
  }
  for (const auto& old : keys) bpf_map_delete_elem(fd, &old);
}

template <typename Record>
std::optional<Record> record_of(const void* data, std::size_t size) {
  Record record;
  if (size < sizeof record) return std::nullopt;
  std::memcpy(&record, data, sizeof record);
  return record;
}

template <std::size_t N>
std::string text(const char (&bytes)[N]) {
  return std::string(bytes, ::strnlen(bytes, N));
}

}  // namespace

DevicePrograms::DevicePrograms() : sink_(std::make_unique<Sink>()) {}
DevicePrograms::DevicePrograms(DevicePrograms&&) noexcept = default;
DevicePrograms& DevicePrograms::operator=(DevicePrograms&&) noexcept = default;
DevicePrograms::~DevicePrograms() = default;

int DevicePrograms::on_record(void* context, void* data, std::size_t size) {
  const auto& sink = *static_cast<const Sink*>(context);
  const auto header = record_of<vigil_ev_hdr>(data, size);
  if (!header) return 0;
  if (header->kind == VIGIL_DEV_POWER && sink.power) {
    if (const auto record = record_of<vigil_ev_power>(data, size))
      sink.power({.at_ns = record->hdr.at_ns, .device = text(record->device.name), .suspended = record->status == VIGIL_POWER_SUSPENDED});
  } else if (header->kind == VIGIL_DEV_OPENED && sink.opened) {
    if (const auto record = record_of<vigil_ev_opened>(data, size))
      sink.opened({.at_ns = record->hdr.at_ns, .key = {record->key.tgid, record->key.start_ns}, .kinds = record->all,
                   .ppid = record->ppid, .uid = record->uid, .comm = text(record->comm)});
  }
  return 0;
}

Result<void> DevicePrograms::Program::load(const char* name, Sink& sink) {
  if (link) return {};
  auto opened = BpfObject::open("vigil_devices", devices_object());
  if (!opened) return fail(std::move(opened).error());
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, opened->get())
    bpf_program__set_autoload(program, std::strcmp(bpf_program__name(program), name) == 0);
  if (auto loaded = opened->load(); !loaded) return loaded;
  ring.reset(ring_buffer__new(opened->map_fd("device_events"), on_record, &sink, nullptr));
  if (!ring) return fail_system("open the device event ring");
  object = std::move(*opened);
  return {};
}

void DevicePrograms::Program::unload() {
  link.reset();
  ring.reset();
  object = {};
}

Result<void> DevicePrograms::watch_power(const std::vector<std::string>& devices) {
  if (devices.empty()) {
    power_.unload();
    return {};
  }
  if (auto loaded = power_.load("on_rpm_status", *sink_); !loaded) return loaded;
  const int map = power_.object.map_fd("watched_devices");
  forget_all<vigil_device_name>(map);
  const __u32 one = 1;
  for (const auto& device : devices) {
    const auto key = key_of(device);
    if (bpf_map_update_elem(map, &key, &one, BPF_ANY) < 0) return fail_system("watch the power of " + device);
  }
  if (power_.link) return {};
  auto link = power_.object.attach("on_rpm_status");
  if (!link) return fail(std::move(link).error());
  power_.link = std::move(*link);
  return {};
}

Result<void> DevicePrograms::watch_nodes(const std::vector<WatchedNode>& nodes) {
  if (nodes.empty()) {
    nodes_.unload();
    return {};
  }
  if (auto loaded = nodes_.load("on_chrdev_open", *sink_); !loaded) return loaded;
  const int map = nodes_.object.map_fd("watched_nodes");
  forget_all<vigil_node>(map);
  for (const auto& node : nodes) {
    const vigil_node key{node.major, node.minor.value_or(VIGIL_ANY_MINOR)};
    if (bpf_map_update_elem(map, &key, &node.kind, BPF_ANY) < 0) return fail_system("watch a device node");
  }
  if (nodes_.link) return {};
  auto link = nodes_.object.attach("on_chrdev_open");
  if (!link) return fail(std::move(link).error());
  nodes_.link = std::move(*link);
  return {};
}

void DevicePrograms::drain(const std::function<void(const PowerPush&)>& on_power,
                           const std::function<void(const OpenedPush&)>& on_opened) {
  *sink_ = {on_power, on_opened};
  for (const Program* program : {&power_, &nodes_})
    if (program->ring) ring_buffer__consume(program->ring.get());
  *sink_ = {};
}

}  // namespace vigil
