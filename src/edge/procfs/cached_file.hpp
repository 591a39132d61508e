// SPDX-License-Identifier: GPL-2.0-only
//
// A small file as a process sees it, read only if nobody has to be waited for: its path and its beginning are in memory, or it
// is taken for not there. So no disk is woken up and no server is asked; on a file system that is not this kernel's own (NFS,
// FUSE) nothing is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vigil::edge {

// At most 16 KiB of the regular file `path` (absolute, in the process's own root). Absent: gone, not in memory, on no local file system, no such file.
std::optional<std::string> read_cached_file(const std::string& proc_root, std::uint32_t tgid, const std::string& path);

}  // namespace vigil::edge
