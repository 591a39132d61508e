// SPDX-License-Identifier: GPL-2.0-only
//
// Resident memory: a start and a reload need ten times what running needs (the kernel's type information, the verifier's
// log, the rules' text, the code that reads them).
#pragma once

namespace vigil::app {

// Gives back what is not in use: freed memory, and the pages of code and constants, which return as they are touched.
void forget_startup();

}  // namespace vigil::app
