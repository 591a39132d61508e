// SPDX-License-Identifier: GPL-2.0-only
//
// A made-up CXL device's counters, for `--simulate cxl` and nothing else. Everything it feeds is labelled simulated.
//
// The model. A device of 16 GiB/s for reads and 12 for writes, with a clock of 2 GHz. Its load follows the memory-bound
// tasks: u = their run time since the last reading, by the time that has passed and the CPUs, at most 1, times 0.6 + 0.4 of
// a triangle of period 10 s (a workload's phases). Reads move 0.8 of that load, writes 0.3; 30 to 40 % of the reads hit the
// device's cache (the same triangle). Latency is that of a queue: 170 ns unloaded, divided by 1 - 0.8 u. Each figure is
// multiplied by 1 ± 5 %, drawn anew for each reading by a generator that starts from the seed (splitmix64).
//
// The same seed and the same readings at the same times give the same counts. Nothing of it is a measurement.
#pragma once

#include <cstdint>

#include "core/memory/pmu/metrics.hpp"

namespace vigil::memory {

class SimulatedCxl {
 public:
  static constexpr std::uint64_t kSeed = 0x5eed;
  static constexpr double kReadPeak = 16.0 * 1073741824, kWritePeak = 12.0 * 1073741824, kClockHz = 2e9;

  explicit SimulatedCxl(std::uint64_t seed = kSeed) : state_(seed) {}

  // What the device would look like, for whoever asks for its counters.
  static PmuSource source(std::uint32_t node);

  // Moves the counters on. `bound_ns`: run time of memory-bound tasks since the last call, on `cpus` CPUs.
  void advance(std::uint64_t now_ns, std::uint64_t bound_ns, std::uint32_t cpus);
  // In the order of source().groups.
  GroupReading read(std::size_t group) const;

 private:
  double draw();  // 0.95 to 1.05

  std::uint64_t state_;
  std::uint64_t began_ns_ = 0, now_ns_ = 0;
  double clocks_ = 0, reads_ = 0, writes_ = 0, dram_reads_ = 0, read_occupancy_ = 0;
};

}  // namespace vigil::memory
