// SPDX-License-Identifier: GPL-2.0-only
//
// One BPF object: carried in the program, opened, given the maps it shares with others, loaded. What libbpf and the
// verifier say on failure ends up in the Error, never on the terminal.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.hpp"
#include "base/result.hpp"

namespace vigil {

using BpfLink = Handle<bpf_link, bpf_link__destroy>;

// Routes libbpf's messages: warnings are kept for the next Error, everything goes to `debug` too when set.
void libbpf_capture(void (*debug)(std::string_view line) = nullptr);
// The last lines of what has been said since the last call.
std::string libbpf_messages();

// The objects that the build carries into the program.
std::span<const std::byte> events_object();
std::span<const std::byte> snapshot_object();
std::span<const std::byte> devices_object();

class BpfObject {
 public:
  BpfObject() = default;

  static Result<BpfObject> open(std::string_view name, std::span<const std::byte> bytes);

  // Between open and load: use `other`'s map of the same name instead of making one.
  Result<void> share_map(const BpfObject& other, const char* map);
  Result<void> load();

  bpf_object* get() const { return object_.get(); }
  bpf_map* map(const char* name) const { return bpf_object__find_map_by_name(object_.get(), name); }
  bpf_program* program(const char* name) const { return bpf_object__find_program_by_name(object_.get(), name); }
  int map_fd(const char* name) const;      // -1 where there is none
  int program_fd(const char* name) const;  // -1 where there is none
  Result<BpfLink> attach(const char* program) const;

 private:
  std::string name_;
  Handle<bpf_object, bpf_object__close> object_;
};

}  // namespace vigil
