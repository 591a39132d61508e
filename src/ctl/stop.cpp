// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/stop.hpp"

#include <signal.h>

#include <utility>

namespace vigil::ctl {

namespace {

volatile sig_atomic_t stop_signal = 0;
volatile sig_atomic_t size_signal = 0;

void on_stop(int) {
  stop_signal = 1;
}
void on_resize(int) {
  size_signal = 1;
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // Without SA_RESTART: poll() and recv() come back with EINTR.
  sigaction(number, &action, nullptr);
}

}  // namespace

void catch_stop() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) handle(number, on_stop);
  handle(SIGWINCH, on_resize);
}

bool stop_requested() {
  return stop_signal != 0;
}

bool resized() {
  const bool was = size_signal != 0;
  size_signal = 0;
  return was;
}

}  // namespace vigil::ctl
