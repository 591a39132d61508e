// SPDX-License-Identifier: GPL-2.0-only
//
// /sys and /proc, or a captured copy of them, as a topology::Tree.
//
// Both roots are parameters, and links do not lead out of them. Reads are bounded in size and number, only regular
// files are read, nothing blocks, and files whose reading wakes a sleeping device are refused whoever asks.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "core/topology/tree.hpp"

namespace vigil {

class SysTree final : public topology::Tree {
 public:
  // `proc_root` may be absent: everything below "proc/" is then absent, too.
  static Result<SysTree> open(const std::string& sysfs_root, const std::string& proc_root);

  // Where /proc is when only the other root is given: /proc for the machine itself, the folder "proc" beside a
  // captured "sys", or "" if there is none.
  static std::string proc_root_for(const std::string& sysfs_root);

  // Reading one of these resumes the device (or its bridges) from runtime suspend.
  static bool wakes_device(std::string_view path);

  std::optional<std::string> read(const std::string& path) const override;
  std::optional<std::string> read_head(const std::string& path, std::size_t bytes) const override;
  std::vector<std::string> list(const std::string& path) const override;
  std::optional<std::string> link(const std::string& path) const override;
  std::vector<std::string> take_problems() const override { return std::exchange(problems_, {}); }

 private:
  SysTree(UniqueFd sys, UniqueFd proc) : sys_(std::move(sys)), proc_(std::move(proc)) {}
  UniqueFd open_in_root(const std::string& path, int flags) const;
  std::optional<std::string> read_up_to(const std::string& path, std::size_t bytes, bool whole) const;
  void remember(const std::string& path, int code) const;

  UniqueFd sys_, proc_;
  mutable std::size_t opened_ = 0;
  mutable std::vector<std::string> problems_;
};

}  // namespace vigil
