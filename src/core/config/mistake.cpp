// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/mistake.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.hpp"

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

std::string in_short(std::string_view lines) {
  constexpr std::size_t kMost = 400;
  while (lines.ends_with('\n')) lines.remove_suffix(1);
  const auto more = std::count(lines.begin(), lines.end(), '\n');
  auto first = lines.substr(0, lines.find('\n'));
  const bool cut = first.size() > kMost;
  if (cut) {
    std::size_t end = kMost;
    while (end > 0 && (static_cast<unsigned char>(first[end]) & 0xc0) == 0x80) --end;  // not within a letter
    first = first.substr(0, end);
  }
  return std::string(first) + (cut ? "…" : "") + (more ? " (and " + std::to_string(more) + " more)" : "");
}

std::string stem(std::string_view path) {
  auto name = base_name(path);
  if (name.ends_with(".toml")) name.remove_suffix(5);
  return std::string(name);
}

std::vector<const SourceFile*> in_force(const std::vector<SourceFile>& files) {
  std::map<std::string, std::size_t, std::less<>> last;
  for (std::size_t i = 0; i < files.size(); ++i) last[stem(files[i].path)] = i;
  std::vector<const SourceFile*> out;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (last[stem(files[i].path)] == i) out.push_back(&files[i]);
  return out;
}

}  // namespace vigil::config
