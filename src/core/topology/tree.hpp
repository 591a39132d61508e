// SPDX-License-Identifier: GPL-2.0-only
//
// What the kernel shows of a machine, as a tree of small files: the one door through which core/topology
// sees /sys and /proc.
//
// Paths begin with "sys/" or "proc/" and have no leading slash. Links are followed inside the tree. Absent is
// normal and silent; what is there and cannot be read is remembered for take_problems().
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace vigil::topology {

inline constexpr std::size_t kMaxFileBytes = 64 * 1024;
inline constexpr std::size_t kMaxListEntries = 16 * 1024;

class Tree {
 public:
  virtual ~Tree() = default;

  // The file's bytes; nothing when it is absent, unreadable or longer than kMaxFileBytes.
  virtual std::optional<std::string> read(const std::string& path) const = 0;
  // At most the first `bytes` bytes, however long the file is.
  virtual std::optional<std::string> read_head(const std::string& path, std::size_t bytes) const = 0;
  // Names in a folder, sorted, without "." and ".."; empty when it is absent.
  virtual std::vector<std::string> list(const std::string& path) const = 0;
  // What a link says, unresolved ("../../../bus/pci/drivers/nvidia"); it may lead nowhere.
  virtual std::optional<std::string> link(const std::string& path) const = 0;
  // Sentences on what could not be read since the last call.
  virtual std::vector<std::string> take_problems() const { return {}; }
};

}  // namespace vigil::topology
