// SPDX-License-Identifier: GPL-2.0-only
//
// The commands that follow what happens: watch and record. They go on until Ctrl-C, which is success.
#pragma once

#include <string>

#include "ctl/client.hpp"

namespace vigil::ctl {

int run_watch(const Options& options, bool all);
// `file` "-": stdout.
int run_record(const Options& options, const std::string& file);

}  // namespace vigil::ctl
