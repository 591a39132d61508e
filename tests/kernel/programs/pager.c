// SPDX-License-Identifier: GPL-2.0-only
//
// Touches memory at a rate that it tells: tests link it under any name, as they do with actor.c, and command it on stdin.
//
//   fault MS  → pages touched for the first time, each one page fault, in so many milliseconds of doing nothing else
//   spin MS   → 1, after as long without a fault
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_PAGES 256

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static long fault(double until, long page)
{
	long touched = 0;

	while (now_ms() < until) {
		volatile char *memory = mmap(NULL, CHUNK_PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			return -1;
		madvise((void *)memory, CHUNK_PAGES * page, MADV_NOHUGEPAGE);
		for (long i = 0; i < CHUNK_PAGES; i++)
			memory[i * page] = 1;
		munmap((void *)memory, CHUNK_PAGES * page);
		touched += CHUNK_PAGES;
	}
	return touched;
}

int main(void)
{
	const long page = sysconf(_SC_PAGESIZE);
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = strchr(line, '\t');
		const double until = now_ms() + (rest ? atof(rest + 1) : 0);

		if (!strncmp(line, "fault", 5)) {
			printf("%ld\n", fault(until, page));
		} else if (!strncmp(line, "spin", 4)) {
			while (now_ms() < until)
				;
			puts("1");
		} else {
			puts("error unknown command");
		}
	}
	return 0;
}
