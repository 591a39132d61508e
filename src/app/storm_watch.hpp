// SPDX-License-Identifier: GPL-2.0-only
//
// Sees to it that what rests on an exec storm (bpf/storm.bpf.h) ends with it: when the kernel half tells of one, a timer looks some
// seconds later whether it is over, and again while it is not. No storm, no timer.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "edge/kernel/classifier.hpp"
#include "loop/loop.hpp"
#include "loop/timer.hpp"

namespace vigil::app {

class StormWatch {
 public:
  // `classifier` outlives this; `on_record` is given what has changed its class.
  static Result<std::unique_ptr<StormWatch>> create(loop::Loop& loop, Classifier& classifier, Classifier::OnRecord on_record);

  void storm_began();

 private:
  StormWatch(Classifier& classifier, Classifier::OnRecord on_record)
      : classifier_(classifier), on_record_(std::move(on_record)) {}
  void look();

  Classifier& classifier_;
  Classifier::OnRecord on_record_;
  loop::Timer timer_;
};

}  // namespace vigil::app
