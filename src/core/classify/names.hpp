// SPDX-License-Identifier: GPL-2.0-only
//
// Thousands of program names, each with the rule it speaks for: evidence of last resort, in a table apart from the rules' own, so that
// it costs nothing where there is none and one look-up where there is. A name is kept as its hash: 16 bytes, however long it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/classify/facts.hpp"

namespace vigil::classify {

class NameTable {
 public:
  struct Entry {
    std::uint64_t hash = 0;  // hash_forward()
    std::uint16_t len = 0;
    bool windows = false;  // held against the first argument of a process; else against its executable or script
    std::uint16_t rule = 0;  // id
  };

  // A name that ends in .exe, in whatever case, is a Windows program's.
  static bool is_windows(std::string_view name);

  // Of names that come twice the last counts, once finish() was called.
  void add(std::string_view name, std::uint16_t rule);
  void finish();

  // The rule of a process: by its script, else its first argument, else its executable. 0: none.
  std::uint16_t find(const Facts& facts) const;
  // The name that says so; "" none.
  std::string_view found_by(const Facts& facts) const;

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }

 private:
  std::uint16_t look_up(std::string_view name, bool windows) const;
  std::vector<Entry> entries_;
};

}  // namespace vigil::classify
