// SPDX-License-Identifier: GPL-2.0-only
#include "edge/kernel/bpf_object.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <deque>

#include "base/text.hpp"

extern "C" {
extern const std::byte vigil_bpf_events_start[], vigil_bpf_events_end[];
extern const std::byte vigil_bpf_snapshot_start[], vigil_bpf_snapshot_end[];
extern const std::byte vigil_bpf_devices_start[], vigil_bpf_devices_end[];
}

namespace vigil {

namespace {

constexpr std::size_t kMessagesKept = 12;
std::deque<std::string> messages;
void (*debug_sink)(std::string_view) = nullptr;

int on_libbpf_message(libbpf_print_level level, const char* format, va_list arguments) {
  char line[2048];
  const int n = std::vsnprintf(line, sizeof(line), format, arguments);
  if (n <= 0) return 0;
  const auto length = std::min<std::size_t>(static_cast<std::size_t>(n), sizeof(line) - 1);
  const auto text = trim_space(std::string_view(line, length));
  if (debug_sink) debug_sink(text);
  if (level != LIBBPF_WARN) return 0;
  // A verifier log comes as one message of many lines: its end says why.
  for (const auto part : split(text, '\n')) {
    messages.emplace_back(trim_space(part));
    if (messages.size() > kMessagesKept) messages.pop_front();
  }
  return 0;
}

}  // namespace

void libbpf_capture(void (*debug)(std::string_view)) {
  debug_sink = debug;
  libbpf_set_print(on_libbpf_message);
}

std::string libbpf_messages() {
  std::string out;
  for (const auto& message : messages) {
    if (message.empty()) continue;
    if (!out.empty()) out += "; ";
    out += message;
  }
  messages.clear();
  return out;
}

std::span<const std::byte> events_object() { return {vigil_bpf_events_start, vigil_bpf_events_end}; }
std::span<const std::byte> snapshot_object() { return {vigil_bpf_snapshot_start, vigil_bpf_snapshot_end}; }
std::span<const std::byte> devices_object() { return {vigil_bpf_devices_start, vigil_bpf_devices_end}; }

Result<BpfObject> BpfObject::open(std::string_view name, std::span<const std::byte> bytes) {
  BpfObject out;
  out.name_ = name;
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = out.name_.c_str());
  libbpf_messages();
  out.object_.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!out.object_) {
    const int code = errno;
    return fail(Error::system("open BPF object " + out.name_, code).message() + " " + libbpf_messages(), code);
  }
  return out;
}

Result<void> BpfObject::share_map(const BpfObject& other, const char* name) {
  bpf_map* mine = map(name);
  const int fd = other.map_fd(name);
  if (!mine || fd < 0) return fail("BPF object " + name_ + ": no map '" + name + "' to share");
  if (const int error = bpf_map__reuse_fd(mine, fd); error < 0)
    return fail_system("BPF object " + name_ + ": share map " + name, -error);
  return {};
}

Result<void> BpfObject::load() {
  libbpf_messages();
  const int error = bpf_object__load(object_.get());
  if (error == 0) return {};
  const auto message = Error::system("load BPF object " + name_, -error);
  const auto said = libbpf_messages();
  return fail(message.message() + (said.empty() ? "" : " (" + said + ")"), -error);
}

int BpfObject::map_fd(const char* name) const {
  bpf_map* found = map(name);
  return found ? bpf_map__fd(found) : -1;
}

int BpfObject::program_fd(const char* name) const {
  bpf_program* found = program(name);
  return found ? bpf_program__fd(found) : -1;
}

Result<BpfLink> BpfObject::attach(const char* name) const {
  bpf_program* found = program(name);
  if (!found) return fail("BPF object " + name_ + ": no program '" + name + "'");
  libbpf_messages();
  BpfLink link(bpf_program__attach(found));
  if (!link) {
    const int code = errno;
    return fail(Error::system(std::string("attach ") + name, code).message() + " " + libbpf_messages(), code);
  }
  return link;
}

}  // namespace vigil
