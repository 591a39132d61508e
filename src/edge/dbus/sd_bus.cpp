// SPDX-License-Identifier: GPL-2.0-only
#include "edge/dbus/sd_bus.hpp"

#include <dlfcn.h>

namespace vigil::edge {

namespace {
SdBus functions;
bool loaded = false;
}  // namespace

Result<void> load_sd_bus() {
  if (loaded) return {};
  void* library = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);  // for good: what it has registered may run at exit
  if (!library) return fail(std::string("libsystemd cannot be loaded: ") + ::dlerror());
#define VIGIL_SD_BUS_FIND(name)                                                                   \
  functions.name##_ = reinterpret_cast<decltype(functions.name##_)>(::dlsym(library, "sd_bus_" #name)); \
  if (!functions.name##_) return fail("libsystemd is too old: it has no sd_bus_" #name);
  VIGIL_SD_BUS(VIGIL_SD_BUS_FIND)
#undef VIGIL_SD_BUS_FIND
  loaded = true;
  return {};
}

const SdBus& sd() { return functions; }

}  // namespace vigil::edge
