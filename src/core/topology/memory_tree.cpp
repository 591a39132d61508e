// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/memory_tree.hpp"

#include <algorithm>
#include <utility>

#include "base/cpu_set.hpp"
#include "base/text.hpp"

namespace vigil::topology {

namespace {

constexpr int kMaxLinks = 40;  // as the kernel's

std::string unescape(std::string_view text, const std::string& number) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "{}") {
      out += number;
      ++i;
    } else if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
    } else if (const char c = text[++i]; c == 'x' && i + 2 < text.size()) {
      const auto byte = parse_number<unsigned>(text.substr(i + 1, 2), 16);
      out += static_cast<char>(byte.value_or('?'));
      i += 2;
    } else {
      out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
  }
  return out;
}

}  // namespace

struct MemoryTree::Entry {
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> children;
  std::optional<std::string> contents;
  std::optional<std::string> target;
  bool unreadable = false;
};

MemoryTree::MemoryTree() : root_(std::make_unique<Entry>()) {}
MemoryTree::~MemoryTree() = default;
MemoryTree::MemoryTree(MemoryTree&&) noexcept = default;
MemoryTree& MemoryTree::operator=(MemoryTree&&) noexcept = default;

MemoryTree::Entry& MemoryTree::make(std::string_view path) {
  Entry* entry = root_.get();
  for (const auto part : split(path, '/')) {
    if (part.empty()) continue;
    auto& child = entry->children[std::string(part)];
    if (!child) child = std::make_unique<Entry>();
    entry = child.get();
  }
  return *entry;
}

void MemoryTree::add_file(std::string_view path, std::string contents) {
  auto& entry = make(path);
  entry.contents = std::move(contents);
  entry.unreadable = false;
}

void MemoryTree::add_link(std::string_view path, std::string target) { make(path).target = std::move(target); }

void MemoryTree::add_folder(std::string_view path) { make(path); }

void MemoryTree::add_unreadable(std::string_view path) { make(path).unreadable = true; }

void MemoryTree::remove(std::string_view path) {
  const auto slash = path.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : path.substr(0, slash);
  Entry* entry = root_.get();
  for (const auto part : split(folder, '/')) {
    if (part.empty()) continue;
    const auto child = entry->children.find(part);
    if (child == entry->children.end()) return;
    entry = child->second.get();
  }
  const auto child = entry->children.find(base_name(path));
  if (child != entry->children.end()) entry->children.erase(child);
}

std::vector<std::string> MemoryTree::paths() const {
  std::vector<std::string> out;
  std::vector<std::pair<std::string, const Entry*>> todo = {{"", root_.get()}};
  while (!todo.empty()) {
    const auto [path, entry] = std::move(todo.back());
    todo.pop_back();
    if (entry->contents || entry->target || entry->unreadable) out.push_back(path);
    for (const auto& [name, child] : entry->children)
      todo.emplace_back(path.empty() ? name : path + "/" + name, child.get());
  }
  std::sort(out.begin(), out.end());
  return out;
}

const MemoryTree::Entry* MemoryTree::find(std::string_view path, bool follow_last) const {
  std::vector<std::string> todo;  // last first
  const auto push = [&todo](std::string_view more) {
    const auto parts = split(more, '/');
    for (auto it = parts.rbegin(); it != parts.rend(); ++it)
      if (!it->empty() && *it != ".") todo.emplace_back(*it);
  };
  push(path);
  std::vector<const Entry*> here = {root_.get()};
  int links = 0;
  while (!todo.empty()) {
    const std::string part = std::move(todo.back());
    todo.pop_back();
    if (part == "..") {
      if (here.size() > 1) here.pop_back();
      continue;
    }
    const auto child = here.back()->children.find(part);
    if (child == here.back()->children.end()) return nullptr;
    const Entry* entry = child->second.get();
    if (entry->target && (follow_last || !todo.empty())) {
      if (++links > kMaxLinks || entry->target->starts_with('/')) return nullptr;
      push(*entry->target);
      continue;
    }
    here.push_back(entry);
  }
  return here.back();
}

std::optional<std::string> MemoryTree::read(const std::string& path) const {
  const Entry* entry = find(path, true);
  if (!entry) return std::nullopt;
  if (entry->unreadable) {
    problems_.push_back(path + " cannot be read: Permission denied");
    return std::nullopt;
  }
  if (entry->contents && entry->contents->size() > kMaxFileBytes) {
    problems_.push_back(path + " is too long to be what it should be");
    return std::nullopt;
  }
  return entry->contents;
}

std::optional<std::string> MemoryTree::read_head(const std::string& path, std::size_t bytes) const {
  const Entry* entry = find(path, true);
  if (!entry || !entry->contents) return std::nullopt;
  return entry->contents->substr(0, bytes);
}

std::vector<std::string> MemoryTree::list(const std::string& path) const {
  std::vector<std::string> out;
  if (const Entry* entry = find(path, true))
    for (const auto& [name, child] : entry->children) {
      if (out.size() == kMaxListEntries) {
        problems_.push_back(path + " holds too many entries; the rest is not looked at");
        break;
      }
      out.push_back(name);
    }
  return out;
}

std::optional<std::string> MemoryTree::link(const std::string& path) const {
  const Entry* entry = find(path, false);
  return entry ? entry->target : std::nullopt;
}

Result<MemoryTree> MemoryTree::parse(std::string_view text) {
  MemoryTree tree;
  std::size_t line_number = 0;
  for (const auto line : split(text, '\n')) {
    ++line_number;
    if (trim_space(line).empty() || line.starts_with('#')) continue;
    const auto space = line.find(' ');
    const auto path = line.substr(0, space);
    const auto rest = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);

    // One {set} on the left stands for as many lines.
    std::vector<std::string> numbers = {""};
    std::string before(path), after;
    if (const auto open = path.find('{'), close = path.find('}'); open != std::string_view::npos && open < close) {
      const auto set = CpuSet::parse(path.substr(open + 1, close - open - 1));
      if (!set) return fail("line " + std::to_string(line_number) + ": " + set.error().message());
      numbers.clear();
      for (const auto n : set->to_vector()) numbers.push_back(std::to_string(n));
      before = path.substr(0, open);
      after = path.substr(close + 1);
    }
    for (const auto& number : numbers) {
      const std::string full = before + number + after;
      if (rest.starts_with("-> ")) {
        tree.add_link(full, unescape(rest.substr(3), number));
      } else if (rest == "=" || rest.starts_with("= ")) {
        tree.add_file(full, unescape(rest.size() > 2 ? rest.substr(2) : "", number) + "\n");
      } else if (rest == "!") {
        tree.add_unreadable(full);
      } else if (rest.empty() && full.ends_with('/')) {
        tree.add_folder(full);
      } else {
        return fail("line " + std::to_string(line_number) + ": neither file, link nor folder");
      }
    }
  }
  return tree;
}

}  // namespace vigil::topology
