// SPDX-License-Identifier: GPL-2.0-only
#include "edge/udev/device_monitor.hpp"

#include <libudev.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/handle.hpp"
#include "loop/watch.hpp"

namespace vigil::edge {

namespace {

constexpr int kReceiveBuffer = 8 * 1024 * 1024;  // an upper bound: memory is only used by events that wait
constexpr int kBatch = 256;                      // then everyone else has a turn

std::string text(const char* value) { return value ? value : ""; }

std::string detail_of(udev_device* device) {
  for (const char* key : {"SCXOPS", "DRIVER"})
    if (const char* value = udev_device_get_property_value(device, key)) return value;
  return "";
}

}  // namespace

struct DeviceMonitor::State {
  Callback callback;
  bool udevd = false;
  Handle<udev, udev_unref> library;
  Handle<udev_monitor, udev_monitor_unref> monitor;
  loop::Watch watch;  // after the descriptor's owner

  void on_ready(loop::Ready ready) {
    drain();
    // An overrun shows as an error of the socket, and the loop stops watching one; by now it has been taken.
    if (ready.error) (void)watch.set({.readable = true});
  }

  void drain() {
    for (int i = 0; i < kBatch; ++i) {
      errno = 0;
      const Handle<udev_device, udev_device_unref> device(udev_monitor_receive_device(monitor.get()));
      if (device) {
        topology::DeviceEvent event{.subsystem = text(udev_device_get_subsystem(device.get())),
                                    .action = text(udev_device_get_action(device.get())),
                                    .name = text(udev_device_get_sysname(device.get())),
                                    .detail = detail_of(device.get())};
        callback(event);
      } else if (errno == ENOBUFS) {
        callback({.subsystem = "udev", .action = "overrun", .name = "", .detail = ""});
      } else {
        // EAGAIN also stands for one that was filtered out: if there are more, the loop calls again.
        return;
      }
    }
  }
};

DeviceMonitor::DeviceMonitor(std::unique_ptr<State> state) : state_(std::move(state)) {}
DeviceMonitor::DeviceMonitor(DeviceMonitor&&) noexcept = default;
DeviceMonitor& DeviceMonitor::operator=(DeviceMonitor&&) noexcept = default;
DeviceMonitor::~DeviceMonitor() = default;

bool DeviceMonitor::follows_udevd() const { return state_->udevd; }

Result<DeviceMonitor> DeviceMonitor::create(loop::Loop& loop, Callback callback, const std::vector<std::string>& subsystems,
                                            Source source) {
  auto state = std::make_unique<State>();
  state->callback = std::move(callback);
  state->library.reset(udev_new());
  if (!state->library) return fail_system("libudev");
  state->udevd = source == Source::udevd || (source == Source::udevd_if_running && ::access("/run/udev/control", F_OK) == 0);
  state->monitor.reset(udev_monitor_new_from_netlink(state->library.get(), state->udevd ? "udev" : "kernel"));
  if (!state->monitor) return fail_system("listen to device events");
  for (const auto& subsystem : subsystems)
    if (udev_monitor_filter_add_match_subsystem_devtype(state->monitor.get(), subsystem.c_str(), nullptr) < 0)
      return fail("filter device events by subsystem " + subsystem);
  // Beyond the system's limit only with CAP_NET_ADMIN; what the kernel gives otherwise will do, an overrun is survived.
  (void)udev_monitor_set_receive_buffer_size(state->monitor.get(), kReceiveBuffer);
  if (const int error = udev_monitor_enable_receiving(state->monitor.get()); error < 0)
    return fail_system("listen to device events", -error);
  auto watch = loop::Watch::create(loop, udev_monitor_get_fd(state->monitor.get()), {.readable = true},
                                   [raw = state.get()](loop::Ready ready) { raw->on_ready(ready); });
  if (!watch) return fail(std::move(watch).error());
  state->watch = std::move(*watch);
  return DeviceMonitor(std::move(state));
}

}  // namespace vigil::edge
