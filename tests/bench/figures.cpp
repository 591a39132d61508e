// SPDX-License-Identifier: GPL-2.0-only
#include "figures.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace vigil::bench {

namespace {

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

}  // namespace

double quantile(std::vector<double>& samples, double fraction) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const auto at = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(samples.size())));
  return samples[std::clamp<std::size_t>(at, 1, samples.size()) - 1];
}

Middle middle(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const auto n = static_cast<double>(samples.size());
  const auto half = 0.98 * std::sqrt(n);  // 1.96 standard deviations of the rank of the median
  const auto rank = [&](double at) { return samples[static_cast<std::size_t>(std::clamp(at, 0.0, n - 1))]; };
  Middle out;
  out.median = samples.size() % 2 ? rank(n / 2) : (rank(n / 2 - 1) + rank(n / 2)) / 2;
  out.low = rank(std::floor(n / 2 - half));
  out.high = rank(std::ceil(n / 2 + half - 1));
  return out;
}

std::string us(double ns, int digits) {
  return fixed(ns / 1000, digits);
}

std::string tail(std::vector<double> ns) {
  std::string out = "n " + std::to_string(ns.size());
  for (const auto& [name, fraction] :
       {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1.0}})
    out += std::string("  ") + name + " " + us(quantile(ns, fraction));
  return out + " us";
}

std::string with_interval(const Middle& middle, double unit, int digits) {
  return fixed(middle.median / unit, digits) + " [" + fixed(middle.low / unit, digits) + " … " +
         fixed(middle.high / unit, digits) + "]";
}

std::string where_and_when() {
  utsname name{};
  uname(&name);
  double load[3] = {};
  if (getloadavg(load, 3) < 1) load[0] = -1;
  char when[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  std::strftime(when, sizeof(when), "%Y-%m-%d %H:%M", localtime_r(&now, &local));
  return std::string(when) + ", Linux " + name.release + ", " +
         std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " CPUs, load average " + fixed(load[0], 2);
}

}  // namespace vigil::bench
