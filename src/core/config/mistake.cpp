// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/mistake.hpp"

namespace vigil::config {

std::string Mistake::to_string() const {
  std::string out = file;
  if (line) out += ':' + std::to_string(line) + ':' + std::to_string(column);
  return out + ": " + message;
}

std::string to_string(const Mistakes& mistakes) {
  std::string out;
  for (const auto& mistake : mistakes) out += (out.empty() ? "" : "\n") + mistake.to_string();
  return out;
}

}  // namespace vigil::config
