// SPDX-License-Identifier: GPL-2.0-only
#include "edge/sysfs/attribute_guard.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace vigil {

namespace {

constexpr std::size_t kMaxNotes = 256 * 1024;
constexpr std::size_t kMaxValue = 256;

std::optional<std::string> read_whole(const std::string& path, std::size_t most) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return std::nullopt;
  std::string out;
  std::array<char, 4096> buffer;
  while (out.size() <= most) {
    const auto n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0) return std::nullopt;
    if (n == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return std::nullopt;
}

std::optional<std::string> read_value(const std::string& path) {
  const auto text = read_whole(path, kMaxValue);
  return text ? std::optional(std::string(trim_space(*text))) : std::nullopt;
}

Result<void> write_value(const std::string& path, const std::string& value) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_TRUNC));
  if (!fd) return fail_system("write " + path);
  if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) return fail_system("write " + path);
  return {};
}

// One a line, tabs between; a value with either is none of ours.
bool is_plain(std::string_view text) { return text.find_first_of("\t\n") == std::string_view::npos; }

}  // namespace

AttributeGuard::AttributeGuard(std::string notes, std::vector<std::string> allowed)
    : notes_(std::move(notes)), allowed_(std::move(allowed)) {}

AttributeGuard::~AttributeGuard() { (void)restore_all(); }

bool AttributeGuard::is_allowed(std::string_view path) const {
  return path.starts_with('/') && path.find("/../") == std::string_view::npos &&
         std::find(allowed_.begin(), allowed_.end(), base_name(path)) != allowed_.end();
}

std::string AttributeGuard::put_back(const Held& held) const {
  const auto now = read_value(held.path);
  if (!now) return held.path + " is gone";
  if (*now == held.was) return {};
  if (*now != held.wrote)
    return held.path + " stays at '" + printable(*now) + "': somebody changed it after Vigil had set it to '" + printable(held.wrote) + "'";
  if (auto done = write_value(held.path, held.was); !done)
    return held.path + " could not be put back to '" + printable(held.was) + "': " + done.error().message();
  return held.path + " is '" + printable(held.was) + "' again";
}

std::vector<std::string> AttributeGuard::recover() {
  std::vector<std::string> out;
  // Written by root into a folder of root's; anything else there is not ours.
  struct stat status {};
  if (::lstat(notes_.c_str(), &status) != 0) return out;
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH))) {
    out.push_back(notes_ + " is not believed: it is not a file that only this user can write");
    return out;
  }
  const auto text = read_whole(notes_, kMaxNotes).value_or("");
  for (const auto line : split(text, '\n')) {
    const auto parts = split(line, '\t');
    if (parts.size() != 3) continue;
    const Held held{std::string(parts[0]), std::string(parts[1]), std::string(parts[2])};
    if (!is_allowed(held.path)) continue;
    if (auto sentence = put_back(held); !sentence.empty()) out.push_back(std::move(sentence));
  }
  ::unlink(notes_.c_str());
  return out;
}

Result<void> AttributeGuard::write_notes() const {
  if (held_.empty()) {
    ::unlink(notes_.c_str());
    return {};
  }
  const auto fresh = notes_ + ".new";
  ::unlink(fresh.c_str());
  UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_system("note what was changed in " + fresh);
  std::string text;
  for (const auto& held : held_) text += held.path + '\t' + held.was + '\t' + held.wrote + '\n';
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return fail_system("note what was changed in " + fresh);
  if (::rename(fresh.c_str(), notes_.c_str()) != 0) return fail_system("note what was changed in " + notes_);
  return {};
}

Result<void> AttributeGuard::set(const std::string& path, const std::optional<std::string>& value) {
  if (!is_allowed(path) || !is_plain(path) || (value && (!is_plain(*value) || value->empty())))
    return fail(path + " is not a setting that may be changed");
  const auto found = std::find_if(held_.begin(), held_.end(), [&](const Held& held) { return held.path == path; });
  if (!value) {
    if (found == held_.end()) return {};
    (void)put_back(*found);
    held_.erase(found);
    return write_notes();
  }
  const auto now = read_value(path);
  if (!now) return fail_system("read " + path);
  if (*now == *value) return {};
  if (!is_plain(*now)) return fail(path + " has a value that cannot be noted");
  // Somebody else's since we wrote: what they chose is what is put back.
  const bool theirs = found != held_.end() && *now != found->wrote && *now != found->was;
  if (found == held_.end())
    held_.push_back({path, *now, *value});
  else
    *found = {path, theirs ? *now : found->was, *value};
  if (auto noted = write_notes(); !noted) {
    std::erase_if(held_, [&](const Held& held) { return held.path == path; });
    return noted;
  }
  if (auto written = write_value(path, *value); !written) {
    std::erase_if(held_, [&](const Held& held) { return held.path == path; });
    (void)write_notes();
    return written;
  }
  return {};
}

std::vector<std::string> AttributeGuard::restore_all() {
  std::vector<std::string> out;
  for (const auto& held : std::exchange(held_, {}))
    if (auto sentence = put_back(held); !sentence.empty()) out.push_back(std::move(sentence));
  if (!out.empty()) ::unlink(notes_.c_str());
  return out;
}

}  // namespace vigil
