// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/format.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace vigil::memory {

namespace {

constexpr unsigned kBits = 64;
constexpr std::size_t kMaxRanges = 64;
constexpr std::size_t kMaxTerms = 64;

// Decimal, or hexadecimal behind "0x".
std::optional<std::uint64_t> number(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) return parse_number<std::uint64_t>(text.substr(2), 16);
  return parse_number<std::uint64_t>(text);
}

// "config" is 0, "config2" is 2.
std::optional<std::uint8_t> word_named(std::string_view name) {
  if (!name.starts_with("config")) return std::nullopt;
  name.remove_prefix(6);
  if (name.empty()) return 0;
  if (name.size() != 1 || name[0] < '1' || name[0] >= '0' + static_cast<char>(kConfigWords)) return std::nullopt;
  return static_cast<std::uint8_t>(name[0] - '0');
}

constexpr std::uint64_t ones(unsigned bits) { return bits >= kBits ? ~0ULL : (1ULL << bits) - 1; }

}  // namespace

const PmuFormat::Field* PmuFormat::find(std::string_view name) const {
  const auto at = std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.name == name; });
  return at == fields_.end() ? nullptr : &*at;
}

Result<void> PmuFormat::add(std::string_view name, std::string_view text) {
  const auto said = trim_space(text);
  const auto wrong = [&] { return fail("format of '" + printable(name) + "' is not understood: '" + printable(said.substr(0, 80)) + "'"); };
  if (fields_.size() >= kMaxFields) return fail("too many format fields");
  const auto colon = said.find(':');
  if (name.empty() || colon == std::string_view::npos) return wrong();
  const auto word = word_named(said.substr(0, colon));
  if (!word) return wrong();
  Field field{std::string(name), *word, {}};
  for (const auto part : split(said.substr(colon + 1), ',')) {
    const auto dash = part.find('-');
    const auto first = parse_number<unsigned>(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number<unsigned>(part.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kBits || field.ranges.size() == kMaxRanges) return wrong();
    field.ranges.push_back({static_cast<std::uint8_t>(*first), static_cast<std::uint8_t>(*last)});
  }
  std::erase_if(fields_, [&](const Field& old) { return old.name == name; });
  fields_.push_back(std::move(field));
  return {};
}

Result<void> PmuFormat::put(EventCode& code, const Field& field, std::uint64_t value) {
  auto& word = code[field.word];
  for (const auto& range : field.ranges) {
    const unsigned width = range.last - range.first + 1U;
    word = (word & ~(ones(width) << range.first)) | ((value & ones(width)) << range.first);
    value = width >= kBits ? 0 : value >> width;
  }
  if (value) return fail("the value of '" + printable(field.name) + "' does not fit its bits");
  return {};
}

Result<EventCode> PmuFormat::encode(std::string_view terms) const {
  EventCode code{};
  const auto said = trim_space(terms);
  const auto parts = split(said, ',');
  if (said.empty() || parts.size() > kMaxTerms) return fail("an event has no terms, or too many");
  for (const auto part : parts) {
    const auto equals = part.find('=');
    const auto name = trim_space(part.substr(0, equals));
    const auto text = equals == std::string_view::npos ? std::string_view("1") : trim_space(part.substr(equals + 1));
    if (text == "?") return fail("'" + printable(name) + "' has to be chosen by a person");
    const auto value = number(text);
    if (!value) return fail("'" + printable(part.substr(0, 80)) + "' is no term of an event");
    if (const auto* field = find(name)) {
      if (auto done = put(code, *field, *value); !done) return fail(std::move(done).error());
    } else if (const auto word = word_named(name)) {
      code[*word] = *value;
    } else {
      return fail("the event source has no field '" + printable(name.substr(0, 80)) + "'");
    }
  }
  return code;
}

std::optional<EventCode> PmuFormat::join(const EventCode& a, const EventCode& b, std::string_view name) const {
  const auto* field = find(name);
  if (!field) return std::nullopt;
  EventCode mask{};
  for (const auto& range : field->ranges) mask[field->word] |= ones(range.last - range.first + 1U) << range.first;
  EventCode out = a;
  for (std::size_t i = 0; i < kConfigWords; ++i) {
    if ((a[i] & ~mask[i]) != (b[i] & ~mask[i])) return std::nullopt;
    out[i] |= b[i];
  }
  return out;
}

std::optional<double> parse_scale(std::string_view text) {
  const auto said = trim_space(text);
  double value = 0;
  const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), value);
  if (error != std::errc() || end != said.data() + said.size() || !std::isfinite(value) || value <= 0) return std::nullopt;
  return value;
}

std::optional<double> bytes_in(std::string_view unit) {
  const auto said = trim_space(unit);
  if (said == "Bytes" || said == "B") return 1.0;
  if (said == "KiB") return 1024.0;
  if (said == "MiB") return 1048576.0;
  if (said == "GiB") return 1073741824.0;
  if (said == "KB") return 1e3;
  if (said == "MB") return 1e6;
  if (said == "GB") return 1e9;
  return std::nullopt;
}

}  // namespace vigil::memory
