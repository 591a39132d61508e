// SPDX-License-Identifier: GPL-2.0-only
//
// What devices do, pushed by the kernel: power transitions of those that are watched, and processes that open a kind of
// character device that is watched. No device is touched to learn it.
//
// Two programs of one object, each loaded by itself and only when there is something to watch: what a kernel refuses is a
// sentence, the other goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "edge/kernel/bpf_object.hpp"

namespace vigil {

struct PowerPush {
  std::uint64_t at_ns = 0;
  std::string device;      // "0000:01:00.0"
  bool suspended = false;  // else active
};

struct OpenedPush {
  std::uint64_t at_ns = 0;
  ProcKey key;
  std::uint32_t kinds = 0;  // bits, as given to watch_nodes(): all that this image has opened so far
  std::uint32_t ppid = 0, uid = 0;
  std::string comm;
};

struct WatchedNode {
  std::uint32_t major = 0;
  std::optional<std::uint32_t> minor{};  // absent: all of the major's
  std::uint32_t kind = 0;                // one bit
};

class DevicePrograms {
 public:
  DevicePrograms();
  DevicePrograms(DevicePrograms&&) noexcept;
  DevicePrograms& operator=(DevicePrograms&&) noexcept;
  ~DevicePrograms();

  // Exactly these from now on; an empty list unloads the program. The error says why there will be no pushes.
  Result<void> watch_power(const std::vector<std::string>& devices);
  Result<void> watch_nodes(const std::vector<WatchedNode>& nodes);

  // Readable when a push waits; -1 while nothing is watched. Changes with the two calls above.
  int power_fd() const { return power_.fd(); }
  int nodes_fd() const { return nodes_.fd(); }
  void drain(const std::function<void(const PowerPush&)>& on_power, const std::function<void(const OpenedPush&)>& on_opened);

 private:
  struct Sink {
    std::function<void(const PowerPush&)> power;
    std::function<void(const OpenedPush&)> opened;
  };
  // One program with maps of its own.
  struct Program {
    BpfObject object;
    BpfLink link;
    Handle<ring_buffer, ring_buffer__free> ring;
    int fd() const { return link ? object.map_fd("device_events") : -1; }
    Result<void> load(const char* name, Sink& sink);
    void unload();
  };
  static int on_record(void* context, void* data, std::size_t size);

  std::unique_ptr<Sink> sink_;
  Program power_, nodes_;
};

}  // namespace vigil
