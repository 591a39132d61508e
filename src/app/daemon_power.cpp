// SPDX-License-Identifier: GPL-2.0-only
//
// Power in the daemon: which mode the automatic one means now, what devices push, what is set in hardware while it runs.
#include "app/daemon.hpp"
#include "app/devices/device_nodes.hpp"
#include "app/lines.hpp"
#include "base/clock.hpp"
#include "wire/protocol.hpp"

#include <nlohmann/json.hpp>

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"power"};

// Beside the control socket: on the machine's own, /run/vigil.
std::string notes_beside(const std::string& socket) { return socket.substr(0, socket.rfind('/') + 1) + "vigil.restore"; }

}  // namespace

void Daemon::start_power() {
  PowerOptions options;
  options.sysfs_root = options_.sysfs_root;
  options.notes = notes_beside(options_.socket);
  options.follow = options_.power.follow.value_or(true);
  options.set_epp = options_.power.epp.value_or(false);
  options.steer_x3d = options_.power.steer_x3d.value_or(false);
  PowerWatch::Callbacks callbacks;
  callbacks.choice = [this](const power::Choice&) { settle_mode(); };
  callbacks.profile = [this](const std::string& profile) {
    publish(edge::ControlServer::Kind::event,
            device_line(monotonic_now(), {.subsystem = "power_profile", .action = "change", .name = profile, .detail = ""}));
  };
  power_ = std::make_unique<PowerWatch>(*loop_, std::move(options), std::move(callbacks));
  if (options_.events == EventSource::connector) return;  // no BPF programs were asked for
  DevicePushes::Callbacks pushes;
  pushes.power = [this](const PowerPush& push) {
    publish(edge::ControlServer::Kind::event,
            device_line(push.at_ns, {.subsystem = "pci", .action = push.suspended ? "suspended" : "active", .name = push.device, .detail = ""}));
  };
  pushes.opened = [this](const OpenedPush& push) { on_device_opened(push); };
  pushes_ = std::make_unique<DevicePushes>(*loop_, std::move(pushes));
}

void Daemon::on_machine_power() {
  if (!machine_) return;
  if (pushes_) pushes_->watch_gpus(machine_->devices().gpus);
  if (power_) power_->on_machine(machine_->devices().power);
}

void Daemon::watch_device_nodes() {
  if (pushes_) pushes_->watch_nodes(nodes_of(book_.devices, read_driver_numbers(options_.proc_root)));
}

void Daemon::on_device_opened(const OpenedPush& push) {
  auto verdict = verdict_of(push.key.tgid, push.key.tgid);
  if (!verdict) verdict.emplace();
  verdict->key = push.key;
  verdict->pid = push.key.tgid;
  handle(DeviceOpened{push.at_ns, *verdict, push.kinds, push.ppid, push.uid, push.comm});
}

// After a look at all processes: games whose end was lost are none any more.
void Daemon::recount_games() {
  if (!power_) return;
  std::vector<std::uint32_t> games;
  for (const auto& [key, process] : engine_.processes())
    if (process.verdict.klass == WorkloadClass::gaming) games.push_back(key.tgid);
  power_->on_processes(games);
}

void Daemon::report_power(wire::StatusReport& out) const {
  if (!power_) return;
  auto& report = out.power.emplace();
  const auto& situation = power_->situation();
  if (situation.source != topology::PowerSource::unknown) report.source = situation.source == topology::PowerSource::ac ? "ac" : "battery";
  report.platform_profile = situation.platform_profile;
  report.power_profile = situation.power_profile;
  if (machine_) report.x3d_mode = machine_->topology().x3d_mode;
  report.saves = power_->choice().save;
  report.why = power_->choice().why;
  for (const auto& held : power_->held()) report.held.push_back({held.path, held.was, held.wrote});
  if (!pushes_) return;
  for (const auto& [address, power] : pushes_->power())
    report.gpus.push_back({address, power.suspended ? "suspended" : "active", power.since_ns});
}

}  // namespace vigil::app
