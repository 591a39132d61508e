/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmarks execute, and what executes it. Static and without start-up work, so that a fork+exec costs little and
 * a microsecond added to it shows.
 *
 *   load end                       ends at once
 *   load hold                      says so in a byte, ends when its standard input does
 *   load loop COUNT PROGRAM        COUNT times: fork, exec `PROGRAM end`, wait; then prints how many nanoseconds one took: the
 *                                  median on the wall clock, and the mean of CPU time (its own and its children's)
 *   load rate HZ SECONDS PROGRAM   the same, paced; then prints how many
 *   load storm SECONDS PROGRAM     the same, as fast as it goes; then prints how many
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned long long clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static unsigned long long now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static unsigned long long cpu_ns(void)
{
	unsigned long long sum = 0;
	struct rusage usage;

	for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
		getrusage(who, &usage);
		sum += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
		       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
	}
	return sum;
}

static void once(const char *program)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(program, program, "end", (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "load: cannot run %s\n", program);
		exit(1);
	}
}

static int compare(const void *left, const void *right)
{
	unsigned long long a = *(const unsigned long long *)left, b = *(const unsigned long long *)right;

	return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "end"))
		_exit(0);
	if (!strcmp(what, "hold")) {
		char byte = 'h';

		if (write(1, &byte, 1) != 1)
			_exit(1);
		while (read(0, &byte, 1) > 0 || errno == EINTR)
			;
		_exit(0);
	}
	if (!strcmp(what, "loop") && argc == 4) {
		long count = atol(argv[2]);
		unsigned long long *took = malloc(count * sizeof(*took)), cpu = cpu_ns();

		if (!took || count < 1)
			return 1;
		for (long i = 0; i < count; i++) {
			took[i] = now_ns();
			once(argv[3]);
			took[i] = now_ns() - took[i];
		}
		qsort(took, count, sizeof(*took), compare);
		printf("%llu %llu\n", took[count / 2], (cpu_ns() - cpu) / count);
		return 0;
	}
	if (!strcmp(what, "rate") && argc == 5) {
		unsigned long long period = 1000000000ULL / atol(argv[2]), next = now_ns();
		unsigned long long end = next + atol(argv[3]) * 1000000000ULL;
		long done = 0;

		for (; next < end; next += period, done++) {
			struct timespec ts = { next / 1000000000ULL, next % 1000000000ULL };

			while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
				;
			once(argv[4]);
		}
		printf("%ld\n", done);
		return 0;
	}
	if (!strcmp(what, "storm") && argc == 4) {
		unsigned long long end = now_ns() + atol(argv[2]) * 1000000000ULL;
		long done = 0;

		for (; now_ns() < end; done++)
			once(argv[3]);
		printf("%ld\n", done);
		return 0;
	}
	fprintf(stderr, "load: see the top of load.c\n");
	return 2;
}
