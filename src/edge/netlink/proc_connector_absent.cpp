// SPDX-License-Identifier: GPL-2.0-only
//
// Built where libnl is missing.
#include "edge/netlink/proc_connector.hpp"

namespace vigil::edge {

struct ProcConnector::State {};

std::optional<ProcEvent> parse_proc_message(std::span<const std::byte>) { return std::nullopt; }

ProcConnector::ProcConnector(std::unique_ptr<State> state) : state_(std::move(state)) {}
ProcConnector::ProcConnector(ProcConnector&&) noexcept = default;
ProcConnector& ProcConnector::operator=(ProcConnector&&) noexcept = default;
ProcConnector::~ProcConnector() = default;

Result<ProcConnector> ProcConnector::create(loop::Loop&, Callbacks) {
  return fail("proc connector: this program was built without libnl");
}

}  // namespace vigil::edge
