// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/mistake.hpp"

#include <algorithm>
#include <tuple>

namespace vigil::config {

std::string Mistake::to_string() const {
  std::string out = file;
  if (line) out += ':' + std::to_string(line) + ':' + std::to_string(column);
  return out + ": " + message;
}

void sort_by_place(Mistakes& mistakes) {
  std::stable_sort(mistakes.begin(), mistakes.end(), [](const Mistake& a, const Mistake& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
}

std::string to_string(const Mistakes& mistakes) {
  std::string out;
  for (const auto& mistake : mistakes) out += (out.empty() ? "" : "\n") + mistake.to_string();
  return out;
}

}  // namespace vigil::config
