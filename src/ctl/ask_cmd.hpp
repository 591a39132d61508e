// SPDX-License-Identifier: GPL-2.0-only
//
// The commands that ask the daemon one thing and show the answer. Each returns the exit status.
#pragma once

#include <cstdint>
#include <string>

#include "ctl/client.hpp"

namespace vigil::ctl {

int run_status(const Options& options);
int run_explain(const Options& options, std::uint32_t pid);
int run_class(const Options& options, const wire::ClassCall& call);
int run_mode(const Options& options, const wire::ModeCall& call);
int run_profile(const Options& options, const wire::ProfileCall& call);
int run_stats(const Options& options, bool openmetrics);

}  // namespace vigil::ctl
