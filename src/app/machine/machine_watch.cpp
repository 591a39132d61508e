// SPDX-License-Identifier: GPL-2.0-only
#include "app/machine/machine_watch.hpp"

#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "core/topology/capability_filter.hpp"
#include "edge/netlink/firmware_monitor.hpp"
#include "edge/sysfs/attribute_watch.hpp"
#include "edge/sysfs/live_cpuid.hpp"
#include "edge/sysfs/sys_tree.hpp"
#include "edge/udev/device_monitor.hpp"
#include "log/log.hpp"
#include "loop/timer.hpp"

namespace vigil::app {

namespace {

using namespace topology;

constexpr log::Logger kLog{"machine"};
constexpr int kLooksInARow = 3;

class Watcher final : public MachineWatch {
 public:
  Watcher(loop::Loop& loop, MachineWatchOptions options, Callbacks callbacks)
      : loop_(loop),
        options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        gatherer_(to_ns(options_.quiet), to_ns(options_.patience)) {}

  Result<void> start() {
    // First listen, then look: what happens in between is looked at again.
    auto timer = loop::Timer::create(loop_, [this] { on_quiet(); });
    if (!timer) return fail(std::move(timer).error());
    timer_ = std::move(*timer);
    if (options_.sysfs_root == "/sys") {
      listen();
      cpuid_ = live_cpuid();
    }
    auto tree = SysTree::open(options_.sysfs_root, options_.proc_root);
    if (!tree) return fail(std::move(tree).error());
    topology_ = read_topology(*tree, cpuid_);
    devices_ = read_devices(*tree, topology_);
    ++looks_;
    // The kernel turns hardware feedback on for its listeners, and it is of use only where cores are of several kinds.
    if (topology_.hybrid && options_.sysfs_root == "/sys") listen_to_firmware(true);
    return {};
  }

  const Topology& topology() const override { return topology_; }
  const Devices& devices() const override { return devices_; }
  const std::vector<std::string>& degraded() const override { return degraded_; }
  std::uint64_t looks() const override { return looks_; }

  void announce(const DeviceEvent& event) override {
    if (callbacks_.device) callbacks_.device(event);
    auto doubt = doubt_of(event);
    if (doubt.modules && event.action == "add" && callbacks_.modules) callbacks_.modules(event.name);
    doubt.modules = false;  // told at once; there is nothing to look at
    if (!doubt.any()) return;
    ++burst_.events;
    burst_.last_ns = monotonic_now();
    look_again(doubt);
  }

  void look_again(const Doubt& doubt) override {
    const auto now = monotonic_now();
    const auto due = gatherer_.add(doubt, now);
    timer_.arm(std::chrono::nanoseconds(due > now ? due - now : 0));
  }

 private:
  static std::uint64_t to_ns(std::chrono::milliseconds time) {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
  }

  void listen() {
    auto monitor = edge::DeviceMonitor::create(loop_, [this](const DeviceEvent& event) { announce(event); });
    if (monitor)
      monitor_.emplace(std::move(*monitor));
    else
      degrade("device events cannot be followed (" + monitor.error().message() +
              "): what is plugged or taken off line later is noticed only after a restart");
    listen_to_firmware(false);
    auto profile = AttributeWatch::create(loop_, options_.sysfs_root + "/firmware/acpi/platform_profile", [this](const std::string& value) {
      announce({.subsystem = "platform_profile", .action = "change", .name = value, .detail = ""});
    });
    if (profile)
      profile_.emplace(std::move(*profile));
    else if (profile.error().code() != ENOENT)
      degrade("the platform profile cannot be followed: " + profile.error().message());
  }

  void listen_to_firmware(bool thermal) {
    auto firmware = edge::FirmwareMonitor::create(loop_, [this](const edge::FirmwareEvent& event) { on_firmware(event); }, thermal);
    if (firmware && !firmware->listening().empty())
      firmware_.emplace(std::move(*firmware));
    else if (!firmware_)
      degrade("the kernel passes no ACPI events on: cores that firmware ranks anew keep their old rank until a restart");
  }

  void on_firmware(const edge::FirmwareEvent& event) {
    bool matters = event.capabilities.empty();
    for (const auto& cpu : event.capabilities) matters |= capabilities_.matters(cpu.cpu, cpu.performance);
    if (matters) announce(event.event);
  }

  static CpuSet online_now(const SysTree& tree) {
    return CpuSet::parse(tree.read("sys/devices/system/cpu/online").value_or("")).value_or(CpuSet());
  }

  void degrade(std::string sentence) {
    kLog.warn("{}", sentence);
    degraded_.push_back(std::move(sentence));
  }

  void on_quiet() {
    Burst burst = std::exchange(burst_, {});
    burst.doubt = gatherer_.take();
    if (burst.doubt.topology || burst.doubt.devices()) burst.changed = look(burst.doubt);
    if (burst.doubt.scheduler && callbacks_.scheduler) callbacks_.scheduler();
    if (callbacks_.settled) callbacks_.settled(burst);
  }

  bool look(Doubt doubt) {
    const auto tree = SysTree::open(options_.sysfs_root, options_.proc_root);
    if (!tree) {
      kLog.warn("the machine cannot be looked at again: {}", tree.error().message());
      return false;
    }
    ++looks_;
    bool changed = false;
    if (doubt.topology) {
      // While CPUs come and go, what is read of them does not fit together: then once more.
      auto topology = read_topology(*tree, cpuid_);
      for (int again = 0; again < kLooksInARow && online_now(*tree) != topology.online(); ++again)
        topology = read_topology(*tree, cpuid_);
      const auto changes = diff(topology_, topology);
      topology_ = std::move(topology);
      if (!changes.none() && callbacks_.topology) callbacks_.topology(topology_, changes);
      changed = !changes.none();
      // Which CPUs are near a CXL device is said by the node it ends in.
      doubt.cxl |= changes.nodes && !devices_.cxl.empty();
    }
    if (doubt.devices()) {
      auto devices = devices_;
      update_devices(devices, *tree, topology_, {.gpus = doubt.gpus, .cxl = doubt.cxl, .power = doubt.power});
      const auto changes = diff(devices_, devices);
      devices_ = std::move(devices);
      if (!changes.none() && callbacks_.devices) callbacks_.devices(devices_, changes);
      changed |= !changes.none();
    }
    return changed;
  }

  loop::Loop& loop_;
  MachineWatchOptions options_;
  Callbacks callbacks_;
  Gatherer gatherer_;
  Burst burst_;
  CapabilityFilter capabilities_;
  CpuidProvider cpuid_;
  Topology topology_;
  Devices devices_;
  std::vector<std::string> degraded_;
  std::uint64_t looks_ = 0;
  loop::Timer timer_;
  std::optional<edge::DeviceMonitor> monitor_;
  std::optional<edge::FirmwareMonitor> firmware_;
  std::optional<AttributeWatch> profile_;
};

}  // namespace

Result<std::unique_ptr<MachineWatch>> MachineWatch::create(loop::Loop& loop, MachineWatchOptions options, Callbacks callbacks) {
  auto watcher = std::make_unique<Watcher>(loop, std::move(options), std::move(callbacks));
  if (auto started = watcher->start(); !started) return fail(std::move(started).error().in("look at the machine"));
  return watcher;
}

}  // namespace vigil::app
