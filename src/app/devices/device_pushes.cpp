// SPDX-License-Identifier: GPL-2.0-only
#include "app/devices/device_pushes.hpp"

#include <algorithm>
#include <utility>

#include "log/log.hpp"

namespace vigil::app {

namespace {
constexpr log::Logger kLog{"devices"};
}  // namespace

DevicePushes::DevicePushes(loop::Loop& loop, Callbacks callbacks) : loop_(loop), callbacks_(std::move(callbacks)) {}

void DevicePushes::listen(loop::Watch& watch, int fd) {
  if (fd < 0 || watch.active()) return;
  auto made = loop::Watch::create(loop_, fd, {.readable = true}, [this](loop::Ready) { drain(); });
  if (made)
    watch = std::move(*made);
  else
    kLog.warn("{}", made.error().message());
}

void DevicePushes::drain() {
  programs_.drain(
      [this](const PowerPush& push) {
        power_[push.device] = {push.suspended, push.at_ns};
        if (callbacks_.power) callbacks_.power(push);
      },
      [this](const OpenedPush& push) {
        if (callbacks_.opened) callbacks_.opened(push);
      });
}

void DevicePushes::watch_gpus(const std::vector<topology::Gpu>& gpus) {
  std::vector<std::string> addresses;
  for (const auto& gpu : gpus) addresses.push_back(gpu.address);
  if (addresses == watched_) return;
  watched_ = addresses;
  std::erase_if(power_, [&](const auto& entry) { return std::find(addresses.begin(), addresses.end(), entry.first) == addresses.end(); });
  if (addresses.empty()) power_watch_.reset();
  if (auto done = programs_.watch_power(addresses); !done) {
    if (no_power_.empty()) kLog.debug("{}", done.error().message());
    no_power_ = "It is not told when a GPU falls asleep or wakes (the kernel's rpm_status tracepoint: " + done.error().message() +
                "); vigilctl devices shows the state when it is asked.";
    return;
  }
  no_power_.clear();
  listen(power_watch_, programs_.power_fd());
}

void DevicePushes::watch_nodes(const std::vector<WatchedNode>& nodes) {
  if (nodes.empty()) opens_watch_.reset();
  if (auto done = programs_.watch_nodes(nodes); !done) {
    no_opens_ = "It is not told which processes open GPUs and other devices (fentry/chrdev_open: " + done.error().message() +
                "), so rules with 'device' do not hold; programs are known by their names, arguments and environment as ever.";
    kLog.warn("{}", no_opens_);
    return;
  }
  no_opens_.clear();
  listen(opens_watch_, programs_.nodes_fd());
}

std::vector<std::string> DevicePushes::degraded() const {
  std::vector<std::string> out;
  for (const auto* sentence : {&no_power_, &no_opens_})
    if (!sentence->empty()) out.push_back(*sentence);
  return out;
}

}  // namespace vigil::app
