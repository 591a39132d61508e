// SPDX-License-Identifier: GPL-2.0-only
//
// All that is needed to judge a process, from /proc: for kernels where the BPF programs cannot look themselves. Read once for an
// exec, and for every process once at the start and after a loss.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/process_image.hpp"

namespace vigil::edge {

class ImageReader {
 public:
  explicit ImageReader(std::string root = "/proc") : root_(std::move(root)) {}

  // Absent when there is no such process any more. At most 64 KiB of arguments and of environment.
  std::optional<ProcessImage> read(std::uint32_t tgid) const;
  // Only what a fork needs: key, parent, user's number unknown (0), name.
  std::optional<ProcessImage> identify(std::uint32_t tgid) const;
  // Of every process, those that started first in front, so that parents come before their children.
  std::vector<ProcessImage> read_all() const;

 private:
  bool read_stat(std::uint32_t tgid, ProcessImage& into) const;
  std::string root_;
};

}  // namespace vigil::edge
