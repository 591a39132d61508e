// SPDX-License-Identifier: GPL-2.0-only
//
// The daemon's way of an event, in a thread of the benchmark: the same loop, ring, decoder, engine, reading
// of /proc and writing back, at nice -20; but the benchmark sees when each step was reached.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "edge/kernel/classifier.hpp"

namespace vigil::bench {

class Reader {
 public:
  // Of an exec of `exe`, from the beginning of its event in the kernel, ns.
  struct Samples {
    std::vector<double> called;    // to the daemon's callback
    std::vector<double> in_force;  // to the return of the system call that wrote the daemon's own verdict
    std::uint64_t records = 0, resyncs = 0;
  };

  // Begins at once. Verdicts of `exe` (base name) that ask for a closer look are refined.
  Reader(Classifier& classifier, std::string exe);
  ~Reader();
  Reader(const Reader&) = delete;

  // Ends the thread; what it saw.
  Samples stop();

 private:
  void run();
  Classifier& classifier_;
  std::string exe_;
  UniqueFd stop_;  // an eventfd
  Samples samples_;
  std::thread thread_;
};

}  // namespace vigil::bench
