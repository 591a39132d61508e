// SPDX-License-Identifier: GPL-2.0-only
#include "edge/procfs/pressure_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace vigil::edge {

Result<PressureWatch> PressureWatch::create(loop::Loop& loop, const std::string& proc_root, std::chrono::milliseconds stall,
                                            std::function<void()> callback) {
  const auto path = proc_root + "/pressure/memory";
  PressureWatch out;
  out.fd_.reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!out.fd_) return fail_system(path);
  const auto trigger = "some " + std::to_string(std::chrono::microseconds(stall).count()) + " 2000000";
  if (::write(out.fd_.get(), trigger.c_str(), trigger.size() + 1) < 0) return fail_system(path + ": ask for '" + trigger + "'");
  auto watch = loop::Watch::create(loop, out.fd_.get(), {.prioritized = true}, [callback = std::move(callback)](loop::Ready ready) {
    if (!ready.error) callback();
  });
  if (!watch) return fail(std::move(watch).error().in(path));
  out.watch_ = std::move(*watch);
  return out;
}

}  // namespace vigil::edge
