// SPDX-License-Identifier: GPL-2.0-only
//
// vigilctl's command line, as fixed by contract: what is typed → which command runs → the exit status.
#pragma once

namespace vigil::ctl {

int run_vigilctl(int argc, char** argv);

}  // namespace vigil::ctl
