// SPDX-License-Identifier: GPL-2.0-only
//
// A Tree that lives in memory: recorded and invented machines.
//
// Also reads the text form in which tests keep machines, one line a file:
//
//   # a comment
//   sys/devices/system/cpu/online = 0-15
//   sys/devices/system/cpu/cpu{0-7}/cpu_capacity = 1024     the same for several numbers
//   sys/devices/system/cpu/cpu{0-7}/topology/core_id = {}   {} on the right: that number
//   sys/bus/pci/devices/0000:01:00.0 -> ../../../devices/pci0000:00/0000:01:00.0
//   sys/devices/system/cpu/cpu3/cache/                      an empty folder
//   sys/devices/system/node/node1/meminfo !                 there, but unreadable
//
// \n, \t, \\, \{ and \xNN stand for bytes in contents.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "core/topology/tree.hpp"

namespace vigil::topology {

class MemoryTree final : public Tree {
 public:
  MemoryTree();
  ~MemoryTree() override;
  MemoryTree(MemoryTree&&) noexcept;
  MemoryTree& operator=(MemoryTree&&) noexcept;

  static Result<MemoryTree> parse(std::string_view text);

  void add_file(std::string_view path, std::string contents);
  void add_link(std::string_view path, std::string target);
  void add_folder(std::string_view path);
  void add_unreadable(std::string_view path);
  void remove(std::string_view path);

  // Every file's and link's path, for tests that change trees and for writing one to a disk.
  std::vector<std::string> paths() const;

  std::optional<std::string> read(const std::string& path) const override;
  std::optional<std::string> read_head(const std::string& path, std::size_t bytes) const override;
  std::vector<std::string> list(const std::string& path) const override;
  std::optional<std::string> link(const std::string& path) const override;
  std::vector<std::string> take_problems() const override { return std::exchange(problems_, {}); }

 private:
  struct Entry;
  Entry& make(std::string_view path);
  // Follows links, also the last one if `follow_last`; null when it leads nowhere or in a circle.
  const Entry* find(std::string_view path, bool follow_last) const;

  std::unique_ptr<Entry> root_;
  mutable std::vector<std::string> problems_;
};

}  // namespace vigil::topology
