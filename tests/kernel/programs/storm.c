// SPDX-License-Identifier: GPL-2.0-only
//
// A storm of forks or of execs, of which some survive. Prints `PID WHAT` for each survivor, then `done`, and sleeps until
// it is killed, which ends the survivors too.
//
//   storm fork COUNT KEEP                children that exit at once; each KEEPth stays
//   storm exec COUNT KEEP [NAME=VALUE… PATH]…
//                                        children that execute the PATHs in turn, each with the environment before it;
//                                        WHAT is the number of the path, from 0
//
// Executed as anything else it is such a child: told `stay` it says a byte on stdout and sleeps, else it exits.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGES_MAX 16

struct image {
	char *path;
	char *environment[8];
};

static _Noreturn void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void reap(int options)
{
	while (waitpid(-1, NULL, options) > 0)
		;
}

static void execute(const struct image *image, int keep, int ready)
{
	char *words[] = {image->path, keep ? "stay" : "go", NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (keep)
		dup2(ready, 1);
	execve(image->path, words, (char **)image->environment);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct image images[IMAGES_MAX] = {0};
	int nr_images = 0, nr_environment = 0, ready[2];
	long count, keep;

	if (argc == 2 && !strcmp(argv[1], "stay")) {
		if (write(1, "", 1) == 1)
			sleep_for_ever();
		return 1;
	}
	if (argc < 4)
		return 0;
	count = atol(argv[2]);
	keep = atol(argv[3]);
	for (int i = 4; i < argc && nr_images < IMAGES_MAX; i++) {
		if (strchr(argv[i], '=')) {
			images[nr_images].environment[nr_environment++ & 7] = argv[i];
		} else {
			images[nr_images++].path = argv[i];
			nr_environment = 0;
		}
	}
	if (pipe2(ready, O_CLOEXEC) < 0)
		return 1;
	for (long i = 0; i < count; i++) {
		int stays = i % keep == 0;
		volatile int what = nr_images ? (int)((stays ? i / keep : i) % nr_images) : 0;
		pid_t child = nr_images ? vfork() : fork();

		if (child == 0) {
			if (nr_images)
				execute(&images[what], stays, ready[1]);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (!stays)
				_exit(0);
			if (write(ready[1], "", 1) == 1)
				sleep_for_ever();
			_exit(1);
		}
		if (child < 0) {
			if (errno != EAGAIN)
				return 1;
			reap(0);
			i--;
			continue;
		}
		if (stays) {
			char c;
			/* The child is what it is to be, before the next begins. */
			if (read(ready[0], &c, 1) != 1)
				return 1;
			printf("%d %d\n", (int)child, what);
		}
		reap(WNOHANG);
	}
	printf("done\n");
	fflush(stdout);
	sleep_for_ever();
}
