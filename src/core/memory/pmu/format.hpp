// SPDX-License-Identifier: GPL-2.0-only
//
// How an event source of perf encodes what it counts, by its own description in sysfs: format/ names the fields of the
// configuration words, events/ names events as lists of such fields.
//
//   format/umask          "config:8-15"
//   events/cas_count_read "event=0x04,umask=0x03"
//
// Nothing about any device's bits is known here. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vigil::memory {

// config, config1 and config2 of struct perf_event_attr; no source of memory traffic uses a fourth.
inline constexpr std::size_t kConfigWords = 3;
using EventCode = std::array<std::uint64_t, kConfigWords>;

class PmuFormat {
 public:
  static constexpr std::size_t kMaxFields = 256;

  // A file of format/ and what it says: "config1:0-7,32-37".
  Result<void> add(std::string_view field, std::string_view text);
  bool has(std::string_view field) const { return find(field) != nullptr; }

  // A file of events/: terms separated by commas; one without a value is 1. Besides the fields, the whole words are terms,
  // as they are to perf ("config=0x1e98…").
  Result<EventCode> encode(std::string_view terms) const;

  // One event that counts what either of the two counts: where they differ in nothing but the bits of `field`, which is a
  // mask of alternatives.
  std::optional<EventCode> join(const EventCode& a, const EventCode& b, std::string_view field) const;

 private:
  struct Range {
    std::uint8_t first = 0, last = 0;  // bits, both included
  };
  struct Field {
    std::string name;
    std::uint8_t word = 0;
    std::vector<Range> ranges;  // the value's low bits first
  };
  const Field* find(std::string_view name) const;
  static Result<void> put(EventCode& code, const Field& field, std::uint64_t value);

  std::vector<Field> fields_;
};

// What one count stands for ("6.103515625e-5"), if it is a positive finite number.
std::optional<double> parse_scale(std::string_view text);
// Bytes in a unit's name ("MiB", "Bytes"); nothing when it is no size.
std::optional<double> bytes_in(std::string_view unit);

}  // namespace vigil::memory
