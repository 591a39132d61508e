// SPDX-License-Identifier: GPL-2.0-only
#include "app/storm_watch.hpp"

#include <chrono>
#include <utility>

#include "log/log.hpp"

namespace vigil::app {

namespace {

constexpr log::Logger kLog{"vigil"};
// A little more than a storm's last rate is remembered by the kernel half.
constexpr std::chrono::milliseconds kLook{3500};

}  // namespace

Result<std::unique_ptr<StormWatch>> StormWatch::create(loop::Loop& loop, Classifier& classifier,
                                                       Classifier::OnRecord on_record) {
  std::unique_ptr<StormWatch> out(new StormWatch(classifier, std::move(on_record)));
  auto timer = loop::Timer::create(loop, [watch = out.get()] { watch->look(); });
  if (!timer) return fail(std::move(timer).error());
  out->timer_ = std::move(*timer);
  return out;
}

void StormWatch::storm_began() {
  if (!timer_.armed()) timer_.arm(kLook);
}

void StormWatch::look() {
  const auto left = classifier_.calm(on_record_);
  if (!left)
    kLog.warn("what a storm of execs has decided stays decided: {}", left.error().message());
  else if (*left > 0)
    timer_.arm(kLook);
}

}  // namespace vigil::app
