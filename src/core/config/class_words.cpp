// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/class_words.hpp"

#include <array>
#include <utility>

#include "base/text.hpp"
#include "base/workload_class.hpp"

namespace vigil::config {

namespace {

constexpr std::array<std::pair<std::string_view, WorkloadClass>, 14> kOtherWords = {{
    {"game", WorkloadClass::gaming},
    {"games", WorkloadClass::gaming},
    {"background", WorkloadClass::batch},
    {"build", WorkloadClass::batch},
    {"idle", WorkloadClass::batch},
    {"desktop", WorkloadClass::interactive},
    {"foreground", WorkloadClass::interactive},
    {"audio", WorkloadClass::latency},
    {"realtime", WorkloadClass::latency},
    {"database", WorkloadClass::vectordb},
    {"llm", WorkloadClass::ai},
    {"virtual", WorkloadClass::vm},
    {"normal", WorkloadClass::regular},
    {"default", WorkloadClass::regular},
}};

}  // namespace

std::vector<std::string> class_names() {
  std::vector<std::string> out;
  for (const auto klass : kWorkloadClasses) out.emplace_back(to_string(klass));
  return out;
}

std::string class_choices(std::string_view word) {
  const auto known = class_names();
  std::string out;
  for (const auto& name : known) out += (out.empty() ? " (" : ", ") + name;
  out += ')';
  for (const auto& [other, klass] : kOtherWords)
    if (word == other) return out + "; did you mean '" + std::string(to_string(klass)) + "'?";
  const auto near = nearest(word, known);
  return near ? out + "; did you mean '" + *near + "'?" : out;
}

}  // namespace vigil::config
