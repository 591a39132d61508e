// SPDX-License-Identifier: GPL-2.0-only
//
// What we use of libsystemd's bus, loaded when a bus is there to be asked: with what it brings along the library costs 0.4 MiB,
// and many a server has no bus.
#pragma once

#include <systemd/sd-bus.h>

#include "base/result.hpp"

namespace vigil::edge {

// One for each function, named like it without `sd_bus_`.
struct SdBus {
#define VIGIL_SD_BUS(X)                                                                                                            \
  X(add_match_async) X(call_async) X(close_unref) X(get_events) X(get_fd) X(get_timeout) X(message_append)                        \
  X(message_enter_container) X(message_exit_container) X(message_is_method_error) X(message_new_method_call) X(message_read)      \
  X(message_set_auto_start) X(message_skip) X(message_unref) X(new) X(open_system_with_description) X(process) X(set_address)     \
  X(set_bus_client) X(start)
#define VIGIL_SD_BUS_MEMBER(name) decltype(&::sd_bus_##name) name##_ = nullptr;
  VIGIL_SD_BUS(VIGIL_SD_BUS_MEMBER)
#undef VIGIL_SD_BUS_MEMBER
};

// Once it has succeeded, sd() may be used for good. Fails in words where the library or a function of it is missing.
Result<void> load_sd_bus();
const SdBus& sd();

}  // namespace vigil::edge
