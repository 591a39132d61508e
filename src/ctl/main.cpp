// SPDX-License-Identifier: GPL-2.0-only
//
// vigilctl: what a person types.
#include "ctl/cli.hpp"

int main(int argc, char** argv) {
  return vigil::ctl::run_vigilctl(argc, argv);
}
