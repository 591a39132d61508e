// SPDX-License-Identifier: GPL-2.0-only
//
// Ctrl-C as the ordinary end of a command that follows a stream: noticed between two lines, never inside one.
#pragma once

namespace vigil::ctl {

// From now on SIGINT, SIGTERM and SIGHUP only make stop_requested() true (and interrupt waiting); SIGWINCH
// interrupts waiting too.
void catch_stop();
bool stop_requested();
// Whether the terminal's size changed since the last question.
bool resized();

}  // namespace vigil::ctl
