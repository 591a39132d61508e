// SPDX-License-Identifier: GPL-2.0-only
//
//   starve CPU    a real-time task that keeps one CPU, and an ordinary one that may run nowhere else and waits for it in vain
//
// For the kernel's watchdog: a task that waits for its time limit ends a sched_ext scheduler. Both end with SIGTERM.
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  cpu_set_t cpu;
  CPU_ZERO(&cpu);
  CPU_SET(static_cast<unsigned>(std::atoi(argv[1])), &cpu);
  if (sched_setaffinity(0, sizeof(cpu), &cpu) < 0) return std::perror("sched_setaffinity"), 1;
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) asm volatile("");
  }
  const sched_param priority{.sched_priority = 50};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) < 0) return std::perror("sched_setscheduler"), 1;
  for (;;) asm volatile("");
}
