// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands in for a vector database: TOTAL MiB of memory, of which the HOT first ones (from an eighth on) are used all the time.
 * Its name makes it one. No huge pages, so that every page's use can be seen.
 *
 *   vect_load TOTAL HOT [node=N] [cpus=LIST-AS-MASK] [forks]
 *
 * SIGUSR1 puts it to sleep and wakes it; SIGUSR2 lets it say where it runs, as "cpu N" lines of the last second's samples.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t asleep, asked;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		asleep = !asleep;
	else
		asked = 1;
}

int main(int argc, char **argv)
{
	size_t mib = 1 << 20, total, hot, at;
	unsigned long ran[1024] = {0}, sum = 0;
	struct timespec began, now;
	volatile char *memory;

	if (argc < 3)
		return 2;
	total = strtoul(argv[1], NULL, 10) * mib;
	hot = strtoul(argv[2], NULL, 10) * mib;
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	for (int i = 3; i < argc; i++) {
		if (!strncmp(argv[i], "node=", 5)) {
			unsigned long nodes = 1UL << strtoul(argv[i] + 5, NULL, 10);
			/* MPOL_BIND, of what is touched from here on */
			if (syscall(SYS_set_mempolicy, 2, &nodes, 64UL)) {
				perror("set_mempolicy");
				return 1;
			}
		} else if (!strcmp(argv[i], "forks") && fork()) {
			pause();
		}
	}
	memory = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	for (at = 0; at < total; at += 4096)
		memory[at] = 1;
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	printf("ready %d\n", getpid());
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &began);
	for (;;) {
		while (asleep)
			pause();
		for (at = 0; at < hot; at += 4096)
			sum += memory[total / 8 + at];
		int cpu = sched_getcpu();
		if (cpu >= 0 && cpu < 1024)
			ran[cpu]++;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (asked || now.tv_sec - began.tv_sec > 0) {
			if (asked) {
				asked = 0;
				printf("ran on");
				for (int i = 0; i < 1024; i++)
					if (ran[i])
						printf(" %d:%lu", i, ran[i]);
				printf("\n");
				fflush(stdout);
			}
			memset(ran, 0, sizeof(ran));
			began = now;
		}
	}
	return (int)sum;
}
