// SPDX-License-Identifier: GPL-2.0-only
//
// Reads configuration from disk: one file, or the *.toml files of the rule folders.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/config/mistake.hpp"

namespace vigil::edge {

// The whole file; larger than 16 MiB is an error, not an allocation.
Result<std::string> read_text_file(const std::string& path);

// All *.toml files, folder by folder as given, sorted by name in each; the folder's number is the layer. A folder that
// is not there is passed over; one that cannot be read is an error. So is a file, unless `unreadable` is given: then those beyond
// the first folder are passed over and noted there.
Result<std::vector<config::SourceFile>> read_rule_folders(const std::vector<std::string>& folders, config::Mistakes* unreadable = nullptr);

// All *.rules, *.types and *.cgroups files below ananicy's folder, sorted by path; none where there is no such folder.
Result<std::vector<config::SourceFile>> read_ananicy_folder(const std::string& folder);

// The built-in rules ("rules.d") or profiles ("profiles.d") and the machine's own: beside a program of a build tree, the tree's
// tools/rules.d; else /usr/share/vigil/rules.d. Then /etc/vigil/rules.d.
std::vector<std::string> default_folders(const std::string& name);

}  // namespace vigil::edge
