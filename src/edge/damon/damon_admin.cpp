// SPDX-License-Identifier: GPL-2.0-only
#include "edge/damon/damon_admin.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace vigil::edge {

namespace {

constexpr std::uint32_t kSlots = 8;  // how many are made where there were none

Result<std::string> read_value(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_system("read " + path);
  std::array<char, 4096> text;
  const auto n = ::read(fd.get(), text.data(), text.size());
  if (n < 0) return fail_system("read " + path);
  return std::string(trim_space({text.data(), static_cast<std::size_t>(n)}));
}

Result<void> write_value(const std::string& path, std::string_view value) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_TRUNC));
  if (!fd) return fail_system("write " + path);
  if (::write(fd.get(), value.data(), value.size()) < 0)
    return fail_system("write '" + std::string(value) + "' to " + path);
  return {};
}

std::optional<std::uint32_t> read_number(const std::string& path) {
  const auto text = read_value(path);
  return text ? parse_number<std::uint32_t>(*text) : std::nullopt;
}

bool is_on(const std::string& path) { return read_value(path).value_or("") == "on"; }
bool says_yes(const std::string& path) {
  const auto value = read_value(path).value_or("");
  return value == "Y" || value == "1";
}

}  // namespace

bool DamonAdmin::present() const { return ::access((kdamonds() + "/nr_kdamonds").c_str(), F_OK) == 0; }

// --- the state file: lines of `key value…`, replaced as a whole ---

void DamonAdmin::save() const {
  if (slots_.empty() && !raised_ && !damon_stat_was_on_) {
    ::unlink(paths_.state_file.c_str());
    return;
  }
  std::string text;
  if (damon_stat_was_on_) text += "damon_stat on\n";
  if (raised_) text += "raised\n";
  for (const auto& [slot, ours] : slots_)
    text += "slot " + std::to_string(slot) + " " + std::to_string(ours.tgid) + " " + std::to_string(ours.kdamond) + "\n";
  const auto fresh = paths_.state_file + ".new";
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return;
  ::rename(fresh.c_str(), paths_.state_file.c_str());
}

std::vector<std::string> DamonAdmin::recover() {
  std::vector<std::string> out;
  const UniqueFd fd(::open(paths_.state_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return out;
  std::array<char, 4096> text;
  const auto n = ::read(fd.get(), text.data(), text.size());
  for (const auto line : split({text.data(), static_cast<std::size_t>(n < 0 ? 0 : n)}, '\n')) {
    const auto words = split(line, ' ');
    if (line == "damon_stat on") damon_stat_was_on_ = true;
    if (line == "raised") raised_ = true;
    if (words.size() != 4 || words[0] != "slot") continue;
    const auto slot = parse_number<std::uint32_t>(words[1]), tgid = parse_number<std::uint32_t>(words[2]),
               kdamond = parse_number<std::uint32_t>(words[3]);
    if (slot && tgid && kdamond) slots_[*slot] = {*tgid, *kdamond};
  }
  if (!slots_.empty())
    out.push_back(std::to_string(slots_.size()) + " kdamond" + (slots_.size() == 1 ? "" : "s") + " that a former daemon had left behind stopped");
  if (damon_stat_was_on_) out.emplace_back("damon_stat, which a former daemon had switched off, is on again");
  release();
  return out;
}

// --- slots ---

// One that nobody has set up: no context in it, not running. Their number is raised only where there are none at all, because
// the kernel makes all of them anew when it is written.
Result<std::uint32_t> DamonAdmin::find_slot() {
  const auto count = read_number(kdamonds() + "/nr_kdamonds");
  if (!count) return fail("this kernel has no DAMON (CONFIG_DAMON_SYSFS)", ENOENT);
  std::uint32_t slots = *count;
  if (slots == 0) {
    raised_ = true;
    save();
    if (auto done = write_value(kdamonds() + "/nr_kdamonds", std::to_string(kSlots)); !done) {
      raised_ = false;
      save();
      return fail(done.error().message(), EBUSY);
    }
    slots = kSlots;
  }
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    if (slots_.contains(slot)) continue;
    if (is_on(slot_path(slot) + "/state")) continue;
    if (read_number(slot_path(slot) + "/contexts/nr_contexts").value_or(1) == 0) return slot;
  }
  return fail(raised_ ? "all kdamonds are in use" : "all " + std::to_string(slots) + " kdamonds are somebody else's", EBUSY);
}

Result<void> DamonAdmin::write_intervals(std::uint32_t slot, const memory::Intervals& intervals) {
  const auto folder = slot_path(slot) + "/contexts/0/monitoring_attrs/intervals/";
  for (const auto& [name, value] : {std::pair{"sample_us", intervals.sample_us}, std::pair{"aggr_us", intervals.aggregation_us},
                                    std::pair{"update_us", intervals.update_us}})
    if (auto done = write_value(folder + name, std::to_string(value)); !done) return done;
  return {};
}

Result<void> DamonAdmin::set_up(std::uint32_t slot, std::uint32_t tgid, const memory::Intervals& intervals, std::uint32_t regions_max) {
  const auto context = slot_path(slot) + "/contexts/0";
  if (auto done = write_value(slot_path(slot) + "/contexts/nr_contexts", "1"); !done) return done;
  if (auto done = write_value(context + "/operations", "vaddr"); !done) return done;
  if (auto done = write_intervals(slot, intervals); !done) return done;
  if (auto done = write_value(context + "/monitoring_attrs/nr_regions/max", std::to_string(regions_max)); !done) return done;
  if (auto done = write_value(context + "/targets/nr_targets", "1"); !done) return done;
  return write_value(context + "/targets/0/pid_target", std::to_string(tgid));
}

Result<void> DamonAdmin::yield_damon_stat(bool allowed) {
  if (damon_stat_was_on_ || !says_yes(damon_stat())) return {};
  if (!allowed)
    return fail("DAMON is held by the kernel's own statistics (damon_stat): set damon_stat = \"yield\" in [memory] to have them "
                "switched off while a memory-bound process is watched", EBUSY);
  damon_stat_was_on_ = true;
  save();
  if (auto done = write_value(damon_stat(), "N"); !done) {
    damon_stat_was_on_ = false;
    save();
    return done;
  }
  return {};
}

Result<DamonAdmin::Watching> DamonAdmin::start(std::uint32_t tgid, const memory::Intervals& intervals, std::uint32_t regions_max,
                                               bool may_stop_damon_stat) {
  const auto none_left_behind = [this](Error error) {
    if (slots_.empty()) release();
    return fail(std::move(error));
  };
  auto slot = find_slot();
  if (!slot) return none_left_behind(std::move(slot).error());
  if (auto done = yield_damon_stat(may_stop_damon_stat); !done) return none_left_behind(std::move(done).error());
  Slot ours{tgid, 0};
  slots_[*slot] = ours;
  save();
  auto done = set_up(*slot, tgid, intervals, regions_max);
  if (done) done = write_value(slot_path(*slot) + "/state", "on");
  std::optional<std::uint32_t> pid;
  if (done) pid = read_number(slot_path(*slot) + "/pid");
  if (!done || !pid) {
    auto error = done ? Error("the kdamond for process " + std::to_string(tgid) + " ended at once", ESRCH) : std::move(done).error();
    stop(*slot);
    return fail(std::move(error));
  }
  slots_[*slot].kdamond = *pid;
  save();
  return Watching{*slot, *pid};
}

Result<void> DamonAdmin::retune(std::uint32_t slot, const memory::Intervals& intervals) {
  if (auto done = write_intervals(slot, intervals); !done) return done;
  return write_value(slot_path(slot) + "/state", "commit");
}

// Only if it is still what we made of it.
void DamonAdmin::clear(std::uint32_t slot, const Slot& ours) {
  const auto target = read_number(slot_path(slot) + "/contexts/0/targets/0/pid_target");
  const auto state = slot_path(slot) + "/state";
  if (is_on(state)) {
    const auto pid = read_number(slot_path(slot) + "/pid");
    if (ours.kdamond ? pid != ours.kdamond : target != ours.tgid) return;
    if (!write_value(state, "off")) return;
  } else if (target && *target != ours.tgid && *target != 0) {
    return;
  }
  (void)write_value(slot_path(slot) + "/contexts/nr_contexts", "0");
}

void DamonAdmin::stop(std::uint32_t slot) {
  const auto found = slots_.find(slot);
  if (found == slots_.end()) return;
  clear(slot, found->second);
  slots_.erase(found);
  if (slots_.empty())
    release();
  else
    save();
}

void DamonAdmin::release() {
  if (slots_.empty() && !raised_ && !damon_stat_was_on_) return;
  for (const auto& [slot, ours] : slots_) clear(slot, ours);
  slots_.clear();
  if (raised_) {
    // Somebody may have come to use one of them since: then they stay.
    bool theirs = false;
    for (std::uint32_t slot = 0; slot < kSlots; ++slot)
      theirs |= is_on(slot_path(slot) + "/state") || read_number(slot_path(slot) + "/contexts/nr_contexts").value_or(0) != 0;
    if (!theirs) (void)write_value(kdamonds() + "/nr_kdamonds", "0");
    raised_ = false;
  }
  if (damon_stat_was_on_) {
    (void)write_value(damon_stat(), "Y");
    damon_stat_was_on_ = false;
  }
  save();
}

}  // namespace vigil::edge
