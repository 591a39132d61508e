// SPDX-License-Identifier: GPL-2.0-only
#include "log/repeats.hpp"

namespace vigil::log {

bool Repeats::admit(std::string_view key, std::string_view text, std::uint64_t now_ns) {
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    // More different messages at once than anyone reads: the table is not worth growing for them.
    if (entries_.size() >= kMaxKeys) return true;
    found =
        entries_.emplace(std::string(key), Entry{.window_start = now_ns, .shown = 0, .held = 0, .last = {}})
            .first;
  }
  Entry& entry = found->second;
  if (entry.shown < kBurst) {
    ++entry.shown;
    return true;
  }
  ++entry.held;
  entry.last = text;
  return false;
}

std::vector<Repeats::Held> Repeats::take_over(std::uint64_t now_ns) {
  std::vector<Held> over;
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (now_ns - it->second.window_start < kWindowNs) {
      ++it;
      continue;
    }
    if (it->second.held > 0)
      over.push_back({.key = it->first, .last = std::move(it->second.last), .count = it->second.held});
    it = entries_.erase(it);
  }
  return over;
}

std::vector<Repeats::Held> Repeats::take_all() {
  std::vector<Held> all;
  for (auto& [key, entry] : entries_)
    if (entry.held > 0) all.push_back({.key = key, .last = std::move(entry.last), .count = entry.held});
  entries_.clear();
  return all;
}

}  // namespace vigil::log
