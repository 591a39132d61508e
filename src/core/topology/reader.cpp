// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/reader.hpp"

#include <algorithm>
#include <limits>

#include "base/text.hpp"

namespace vigil::topology {

namespace {

constexpr std::size_t kMaxNotes = 50;
constexpr std::size_t kMaxNoteBytes = 400;

// Files of /sys are text without NULs, but many a tool that copies them writes one behind it.
std::string_view without_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

std::string shown(std::string_view text) {
  return "'" + printable(text.substr(0, 40)) + (text.size() > 40 ? "…'" : "'");
}

}  // namespace

void Notes::add(std::string note) {
  if (notes_.size() >= kMaxNotes) {
    ++dropped_;
    return;
  }
  if (note.size() > kMaxNoteBytes) {  // a list of every other CPU
    std::size_t end = kMaxNoteBytes;
    while (end > 0 && (note[end] & 0xc0) == 0x80) --end;
    note.resize(end);
    note += "…";
  }
  if (seen_.insert(note).second) notes_.push_back(std::move(note));
}

std::vector<std::string> Notes::take() {
  if (dropped_) notes_.push_back("and " + std::to_string(dropped_) + " more things like these");
  dropped_ = 0;
  seen_.clear();
  return std::move(notes_);
}

std::optional<CpuSet> parse_cpumask(std::string_view text) {
  CpuSet set;
  const auto words = split(trim_space(text), ',');
  if (words.size() > kMaxCpus / 32) return std::nullopt;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto word = parse_number<std::uint32_t>(trim_space(words[words.size() - 1 - i]), 16);
    if (!word) return std::nullopt;
    for (std::uint32_t bit = 0; bit < 32; ++bit)
      if (*word >> bit & 1) set.add(static_cast<std::uint32_t>(i) * 32 + bit);
  }
  return set;
}

std::optional<std::uint64_t> parse_cache_size(std::string_view text) {
  text = trim_space(text);
  if (text.empty()) return std::nullopt;
  std::uint64_t scale = 1;
  switch (text.back()) {
    case 'K': scale = 1; break;
    case 'M': scale = 1024; break;
    case 'G': scale = 1024 * 1024; break;
    default: return std::nullopt;
  }
  const auto value = parse_number<std::uint32_t>(text.substr(0, text.size() - 1));
  if (!value) return std::nullopt;
  return *value * scale;
}

std::optional<std::string> Reader::text(const std::string& path) {
  auto raw = tree_.read(path);
  if (!raw) return std::nullopt;
  return std::string(trim_space(without_nul(*raw)));
}

std::optional<std::uint64_t> Reader::number(const std::string& path) {
  const auto value = text(path);
  if (!value || value->empty()) return std::nullopt;
  const bool hex = value->starts_with("0x") || value->starts_with("0X");
  const auto parsed =
      hex ? parse_number<std::uint64_t>(std::string_view(*value).substr(2), 16) : parse_number<std::uint64_t>(*value);
  if (!parsed) notes_.add(path + " says " + shown(*value) + ", which is no number; taken as unknown");
  return parsed;
}

std::optional<std::uint32_t> Reader::small_number(const std::string& path) {
  const auto value = number(path);
  if (!value) return std::nullopt;
  if (*value > std::numeric_limits<std::int32_t>::max()) {
    notes_.add(path + " says " + std::to_string(*value) + ", which cannot be; taken as unknown");
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*value);
}

std::optional<std::uint32_t> Reader::index(const std::string& path) {
  const auto value = text(path);
  if (!value || value->starts_with('-')) return std::nullopt;
  return small_number(path);
}

const CpuSet* Reader::cpu_list(const std::string& path) {
  const auto raw = tree_.read(path);
  if (!raw) return nullptr;
  const auto [it, is_new] = lists_.try_emplace(*raw);
  if (is_new) {
    if (auto set = CpuSet::parse(without_nul(*raw)))
      it->second = std::move(*set);
    else
      notes_.add(path + " says " + shown(trim_space(*raw)) + ", which is no list of CPUs; taken as unknown");
  }
  return it->second ? &*it->second : nullptr;
}

const CpuSet* Reader::cpu_list(const std::string& list_path, const std::string& mask_path) {
  if (const auto* set = cpu_list(list_path)) return set;
  const auto raw = tree_.read(mask_path);
  if (!raw) return nullptr;
  const auto [it, is_new] = masks_.try_emplace(*raw);
  if (is_new) {
    it->second = parse_cpumask(without_nul(*raw));
    if (!it->second)
      notes_.add(mask_path + " says " + shown(trim_space(*raw)) + ", which is no mask of CPUs; taken as unknown");
  }
  return it->second ? &*it->second : nullptr;
}

std::vector<std::uint32_t> Reader::numbered(const std::string& folder, std::string_view name) {
  std::vector<std::uint32_t> out;
  for (const auto& entry : tree_.list(folder)) {
    if (!entry.starts_with(name)) continue;
    if (const auto n = parse_number<std::uint32_t>(std::string_view(entry).substr(name.size()))) out.push_back(*n);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<std::string> Reader::link_name(const std::string& path) {
  const auto target = tree_.link(path);
  if (!target) return std::nullopt;
  std::string_view name = *target;
  while (name.ends_with('/')) name.remove_suffix(1);
  name = base_name(name);
  if (name.empty() || name == "." || name == "..") return std::nullopt;
  return std::string(name);
}

}  // namespace vigil::topology
