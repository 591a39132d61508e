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

constexpr std::size_t kMaxNotes = 1024 * 1024;  // enough for a preference of each of 8192 CPUs
constexpr std::size_t kMaxValue = 256;
// The first line of the notes: without it a file is somebody else's.
constexpr std::string_view kHeader = "# scx_vigil: settings to put back, 1\n";

std::optional<std::string> read_whole(const UniqueFd& fd, std::size_t most) {
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
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  const auto text = fd ? read_whole(fd, kMaxValue) : std::nullopt;
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

AttributeGuard::Ended AttributeGuard::put_back(const Held& held) const {
  const auto now = read_value(held.path);
  // A CPU that is offline comes back with what was written.
  if (!now) return {false, held.path + " cannot be read, so it stays noted that it was '" + printable(held.was) + "'"};
  if (*now == held.was) return {true, {}};
  if (*now != held.wrote)
    return {true, held.path + " stays at '" + printable(*now) + "': somebody changed it after Vigil had set it to '" + printable(held.wrote) + "'"};
  if (auto done = write_value(held.path, held.was); !done)
    return {false, held.path + " could not be put back to '" + printable(held.was) + "': " + done.error().message()};
  return {true, held.path + " is '" + printable(held.was) + "' again"};
}

AttributeGuard::Notes AttributeGuard::read_notes() const {
  const auto theirs = [this](std::string why) { return Notes{.foreign = notes_ + " is left alone, and nothing in it believed: " + why, .text = {}}; };
  // Without O_NONBLOCK a FIFO of that name would be waited for.
  const UniqueFd fd(::open(notes_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return errno == ENOENT ? Notes{} : theirs(Error::system("it cannot be opened").message());
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)))
    return theirs("it is not a file that only this user can write");
  auto text = read_whole(fd, kMaxNotes);
  if (!text || !text->starts_with(kHeader)) return theirs("it is not a file of Vigil's; remove it if nobody needs it");
  return {.foreign = {}, .text = text->substr(kHeader.size())};
}

std::vector<std::string> AttributeGuard::recover() {
  std::vector<std::string> out;
  const auto notes = read_notes();
  if (!notes.foreign.empty()) out.push_back(notes.foreign);
  if (!notes.text) return out;
  for (const auto line : split(*notes.text, '\n')) {
    const auto parts = split(line, '\t');
    if (parts.size() != 3) continue;
    Held held{std::string(parts[0]), std::string(parts[1]), std::string(parts[2])};
    if (!is_allowed(held.path)) continue;
    auto ended = put_back(held);
    if (!ended.sentence.empty()) out.push_back(std::move(ended.sentence));
    if (!ended.settled) held_.push_back(std::move(held));
  }
  if (auto noted = write_notes(); !noted) out.push_back(noted.error().message());
  return out;
}

Result<void> AttributeGuard::write_notes() const {
  const auto there = read_notes();
  if (held_.empty()) {
    if (there.text && ::unlink(notes_.c_str()) != 0) return fail_system("remove " + notes_);
    return {};
  }
  if (!there.foreign.empty()) return fail(there.foreign);
  const auto fresh = notes_ + ".new";
  ::unlink(fresh.c_str());
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_system("note what was changed in " + fresh);
  std::string text(kHeader);
  for (const auto& held : held_) text += held.path + '\t' + held.was + '\t' + held.wrote + '\n';
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::rename(fresh.c_str(), notes_.c_str()) != 0) {
    auto error = fail_system("note what was changed in " + notes_);
    ::unlink(fresh.c_str());
    return error;
  }
  return {};
}

Result<void> AttributeGuard::set(const std::string& path, const std::optional<std::string>& value) {
  if (!is_allowed(path) || !is_plain(path) || (value && (!is_plain(*value) || value->empty())))
    return fail(path + " is not a setting that may be changed");
  const auto found = std::find_if(held_.begin(), held_.end(), [&](const Held& held) { return held.path == path; });
  if (!value) {
    if (found == held_.end()) return {};
    if (auto ended = put_back(*found); !ended.settled) return fail(std::move(ended.sentence));
    held_.erase(found);
    return write_notes();
  }
  const auto now = read_value(path);
  if (!now) return fail_system("read " + path);
  if (*now == *value) return {};
  if (!is_plain(*now)) return fail(path + " has a value that cannot be noted");
  // Somebody else's since we wrote: what they chose is what is put back.
  const bool theirs = found != held_.end() && *now != found->wrote && *now != found->was;
  const auto before = found == held_.end() ? std::nullopt : std::optional(*found);
  if (!before)
    held_.push_back({path, *now, *value});
  else
    *found = {path, theirs ? *now : found->was, *value};
  // What was noted before a refusal is still what there is to put back.
  const auto forget = [&] {
    if (before)
      *found = *before;
    else
      held_.pop_back();
  };
  if (auto noted = write_notes(); !noted) {
    forget();
    return noted;
  }
  if (auto written = write_value(path, *value); !written) {
    forget();
    (void)write_notes();
    return written;
  }
  return {};
}

std::vector<std::string> AttributeGuard::restore_all() {
  std::vector<std::string> out;
  if (held_.empty()) return out;
  std::erase_if(held_, [&](const Held& held) {
    auto ended = put_back(held);
    if (!ended.sentence.empty()) out.push_back(std::move(ended.sentence));
    return ended.settled;
  });
  if (auto noted = write_notes(); !noted) out.push_back(noted.error().message());
  return out;
}

}  // namespace vigil
