// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's DAMON, by its sysfs tree: start watching the memory of a process, change how, stop, and leave everything as it was.
//
// The tree has one owner at a time and no locks, so what is not ours is not touched: a kdamond that runs, or that has been set
// up by somebody, is never taken; their number is raised only from zero. Where the kernel's own statistics (damon_stat) hold
// DAMON exclusively, they are switched off only if allowed, and switched on again with release().
//
// What has been changed stands in a state file before it is changed. recover() puts back what a daemon that was killed had
// left behind. Nothing here waits or polls; every call is the answer to an event.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/memory/access.hpp"

namespace vigil::edge {

struct DamonPaths {
  std::string sysfs_root = "/sys";
  std::string state_file = "/run/vigil/damon.state";
};

class DamonAdmin {
 public:
  explicit DamonAdmin(DamonPaths paths) : paths_(std::move(paths)) {}
  DamonAdmin(const DamonAdmin&) = delete;
  DamonAdmin& operator=(const DamonAdmin&) = delete;
  // Leaves everything as it was.
  ~DamonAdmin() { release(); }

  // Is there a DAMON to speak of at all?
  bool present() const;

  // Puts back what the state file says a former daemon had changed. What was done, a sentence each.
  std::vector<std::string> recover();

  struct Watching {
    std::uint32_t slot = 0;
    std::uint32_t kdamond = 0;  // pid of the kernel thread
  };
  // Code EBUSY: DAMON is somebody else's for now, and the sentence says whose. ENOENT: this kernel has none.
  Result<Watching> start(std::uint32_t tgid, const memory::Intervals& intervals, std::uint32_t regions_max, bool may_stop_damon_stat);
  // While it runs. An error leaves it as it was.
  Result<void> retune(std::uint32_t slot, const memory::Intervals& intervals);
  // Also for one that ended by itself, because its process did.
  void stop(std::uint32_t slot);
  std::size_t watching() const { return slots_.size(); }
  bool stopped_damon_stat() const { return damon_stat_was_on_; }

  // Stops all of ours and leaves DAMON as it was found.
  void release();

 private:
  struct Slot {
    std::uint32_t tgid = 0;
    std::uint32_t kdamond = 0;  // 0: not running yet
  };

  std::string kdamonds() const { return paths_.sysfs_root + "/kernel/mm/damon/admin/kdamonds"; }
  std::string slot_path(std::uint32_t slot) const { return kdamonds() + "/" + std::to_string(slot); }
  std::string damon_stat() const { return paths_.sysfs_root + "/module/damon_stat/parameters/enabled"; }
  Result<std::uint32_t> find_slot();
  Result<void> set_up(std::uint32_t slot, std::uint32_t tgid, const memory::Intervals& intervals, std::uint32_t regions_max);
  Result<void> write_intervals(std::uint32_t slot, const memory::Intervals& intervals);
  Result<void> yield_damon_stat(bool allowed);
  void clear(std::uint32_t slot, const Slot& ours);
  void save() const;

  DamonPaths paths_;
  std::map<std::uint32_t, Slot> slots_;
  bool raised_ = false;  // their number, from zero
  bool damon_stat_was_on_ = false;
};

}  // namespace vigil::edge
