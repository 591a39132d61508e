// SPDX-License-Identifier: GPL-2.0-only
//
// Which repeats of a message are shown. Pure: time is a parameter, and there is no timer; what was held back
// is told with the next message after its window, or by take_all().
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::log {

class Repeats {
 public:
  static constexpr std::uint32_t kBurst = 10;
  static constexpr std::uint64_t kWindowNs = 10'000'000'000;
  static constexpr std::size_t kMaxKeys = 256;

  struct Held {
    std::string key;
    std::string last;  // the last text held back
    std::uint64_t count = 0;
  };

  // Whether this message may be shown now.
  bool admit(std::string_view key, std::string_view text, std::uint64_t now_ns);
  // What was held back in windows that are over, each once.
  std::vector<Held> take_over(std::uint64_t now_ns);
  std::vector<Held> take_all();

 private:
  struct Entry {
    std::uint64_t window_start = 0;
    std::uint32_t shown = 0;
    std::uint64_t held = 0;
    std::string last;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace vigil::log
