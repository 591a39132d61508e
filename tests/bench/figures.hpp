// SPDX-License-Identifier: GPL-2.0-only
//
// Samples into the few numbers that say how it was: middle, tail, and how sure one can be of the middle.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace vigil::bench {

// The sample that `fraction` of all do not exceed; 0 without samples. Sorts.
double quantile(std::vector<double>& samples, double fraction);

// The median, and the interval that holds the true one 95 times in 100 (order statistics: nothing is assumed
// of the distribution).
struct Middle {
  double median = 0, low = 0, high = 0;
};
Middle middle(std::vector<double> samples);

// Nanoseconds as microseconds: "12.3".
std::string us(double ns, int digits = 1);
// "n 4000  p50 12.3  p90 …  max … us"
std::string tail(std::vector<double> ns);
// "3.1 [2.7 … 3.6]"
std::string with_interval(const Middle& middle, double unit, int digits = 2);

// The machine, the kernel, the time and the load average, a line; for the head of every benchmark's output.
std::string where_and_when();

}  // namespace vigil::bench
