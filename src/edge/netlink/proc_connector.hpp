// SPDX-License-Identifier: GPL-2.0-only
//
// Process events by netlink: the fallback where BPF tracepoints cannot be attached. The kernel sends one message a fork, exec,
// rename and exit, after the fact and to user space only, so each wakes the daemon; nothing is polled.
//
//   auto source = ProcConnector::create(loop, {.event = [](const ProcEvent& event) { … },
//                                              .overrun = [] { … look at every process once … }});
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "loop/loop.hpp"

namespace vigil::edge {

struct ProcEvent {
  enum class Kind : std::uint8_t { fork, exec, rename, exit };
  Kind kind = Kind::exec;
  std::uint64_t at_ns = 0;    // CLOCK_MONOTONIC, the kernel's
  std::uint32_t pid = 0;      // of the thread it is about; of the child at a fork
  std::uint32_t tgid = 0;
  std::uint32_t parent = 0;   // process id; fork and exit
  std::string comm = {};      // rename
  bool operator==(const ProcEvent&) const = default;
};

// What one netlink message says, starting at its header; nothing for messages of no interest or that are not well formed.
std::optional<ProcEvent> parse_proc_message(std::span<const std::byte> message);

class ProcConnector {
 public:
  struct Callbacks {
    std::function<void(const ProcEvent&)> event = {};
    // The socket's buffer was full: some events are gone for good.
    std::function<void()> overrun = {};
  };

  // Fails where the kernel has no connector or does not answer: a kernel without CONFIG_PROC_EVENTS, a pid namespace that is
  // not the first one, a missing CAP_NET_ADMIN on kernels before 6.6.
  static Result<ProcConnector> create(loop::Loop& loop, Callbacks callbacks);

  ProcConnector(ProcConnector&&) noexcept;
  ProcConnector& operator=(ProcConnector&&) noexcept;
  ~ProcConnector();

 private:
  struct State;
  explicit ProcConnector(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vigil::edge
