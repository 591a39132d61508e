// SPDX-License-Identifier: GPL-2.0-only
//
// A process that does what it is told: tests link it under any name (wine64, gcc, qemu-system-x86_64, …), start it with any
// arguments and environment, and then command it on stdin, a line each, words separated by tabs. It answers a line each.
// Its arguments mean nothing to it. When stdin ends it goes on sleeping until it is killed.
//
//   fork                  → pid of a child that sleeps
//   forkpid PID           → the same, with the pid of the test's choosing
//   forkinto CGROUP       → the same, born in a cgroup (CLONE_INTO_CGROUP)
//   spawn keep|clean PATH ARG…  → pid of a child that has executed PATH, with our environment or with none
//   orphan PATH ARG…      → pid of a grandchild whose parent has exited, executed with no environment
//   become PATH ARG…      → executes in place, answered by the new image's `ready`; PATH alone: with no arguments at all
//   become_thread PATH ARG…  → the same, from a thread that is not the leader
//   thread NAME           → tid of a new thread that has named itself
//   threads COUNT         → tids of the first and the last of many
//   rename NAME           → ok; the thread that reads commands
//   renames COUNT NAME    → ok, after COUNT changes of name, NAME the last
//   setenv NAME VALUE     → ok; our own memory only, as setenv(3) does
//   title TEXT            → ok; overwrites the arguments in memory, as setproctitle does
//   pid                   → our pid
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 64

static char **own_argv;
static int own_argc;

static void say(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = write(1, text, left);
		if (n <= 0)
			_exit(1);
		text += n;
		left -= (size_t)n;
	}
}

static void say_numbers(long first, long second)
{
	char line[64];

	if (second)
		snprintf(line, sizeof(line), "%ld %ld\n", first, second);
	else
		snprintf(line, sizeof(line), "%ld\n", first);
	say(line);
}

static void say_error(const char *what)
{
	char line[160];

	snprintf(line, sizeof(line), "error %s: %s\n", what, strerror(errno));
	say(line);
}

static _Noreturn void sleep_for_ever(void)
{
	for (;;)
		pause();
}

/* What a child is before it is anything else. It ends with the thread that made it, even if that has ended already. */
static void be_child(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 0);
}

static long clone_with(uint64_t flags, int cgroup, pid_t pid)
{
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};

	if (cgroup >= 0)
		args.cgroup = (uint64_t)cgroup;
	if (pid) {
		args.set_tid = (uint64_t)(uintptr_t)&pid;
		args.set_tid_size = 1;
	}
	return syscall(SYS_clone3, &args, sizeof(args));
}

static void answer_fork(uint64_t flags, int cgroup, pid_t pid)
{
	pid_t parent = getpid();
	long child = clone_with(flags, cgroup, pid);

	if (child == 0) {
		be_child(parent);
		sleep_for_ever();
	}
	if (child < 0)
		say_error("fork");
	else
		say_numbers(child, 0);
}

/* Waits for the `ready` of an image that has our pipe as its stdout. */
static int wait_ready(int fd)
{
	char c = 0;

	while (read(fd, &c, 1) == 1)
		if (c == '\n')
			return 0;
	errno = ENOEXEC;
	return -1;
}

static char *no_environment[] = {NULL};

static void answer_spawn(char **environment, char **words)
{
	int ready[2];
	pid_t child, parent = getpid();

	if (pipe2(ready, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		say_error("spawn");
		return;
	}
	if (child == 0) {
		be_child(parent);
		dup2(ready[1], 1);
		execve(words[0], words, environment);
		_exit(127);
	}
	close(ready[1]);
	if (wait_ready(ready[0]) < 0)
		say_error(words[0]);
	else
		say_numbers(child, 0);
	close(ready[0]);
}

/* The grandchild executes when its parent, and with it the last writer of `alive`, has gone. */
static void answer_orphan(char **words)
{
	int ready[2], alive[2];
	pid_t child, grandchild = 0;
	char c;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(alive, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		say_error("orphan");
		return;
	}
	if (child == 0) {
		grandchild = fork();
		if (grandchild != 0) {
			if (write(ready[1], &grandchild, sizeof(grandchild)) != sizeof(grandchild))
				_exit(1);
			_exit(0);
		}
		close(alive[1]);
		if (read(alive[0], &c, 1) != 0)
			_exit(1);
		dup2(open("/dev/null", O_RDWR), 0);
		dup2(ready[1], 1);
		execve(words[0], words, no_environment);
		_exit(127);
	}
	close(ready[1]);
	close(alive[1]);
	close(alive[0]);
	waitpid(child, NULL, 0);
	if (read(ready[0], &grandchild, sizeof(grandchild)) != sizeof(grandchild) || wait_ready(ready[0]) < 0)
		say_error(words[0]);
	else
		say_numbers(grandchild, 0);
	close(ready[0]);
}

struct thread_order {
	char name[16];
	char **become;
	pid_t tid;
	pthread_mutex_t lock;
	pthread_cond_t started;
};

static void *thread_main(void *argument)
{
	struct thread_order *order = argument;

	if (order->become) {
		execve(order->become[0], order->become, environ);
		say_error(order->become[0]);
		return NULL;
	}
	if (order->name[0])
		prctl(PR_SET_NAME, order->name);
	pthread_mutex_lock(&order->lock);
	order->tid = (pid_t)syscall(SYS_gettid);
	pthread_cond_signal(&order->started);
	pthread_mutex_unlock(&order->lock);
	sleep_for_ever();
}

/* The order lives as long as we do: threads are never joined. */
static pid_t start_thread(const char *name, char **become)
{
	struct thread_order *order = calloc(1, sizeof(*order));
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	strncpy(order->name, name, sizeof(order->name) - 1);
	order->become = become;
	pthread_mutex_init(&order->lock, NULL);
	pthread_cond_init(&order->started, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32 * 1024);
	error = pthread_create(&thread, &attributes, thread_main, order);
	if (error) {
		errno = error;
		return -1;
	}
	if (become)
		sleep_for_ever();
	pthread_mutex_lock(&order->lock);
	while (!order->tid)
		pthread_cond_wait(&order->started, &order->lock);
	pthread_mutex_unlock(&order->lock);
	return order->tid;
}

static void answer_threads(long count)
{
	pid_t first = 0, last = 0;

	for (long i = 0; i < count; i++) {
		last = start_thread("", NULL);
		if (last < 0) {
			say_error("thread");
			return;
		}
		if (!first)
			first = last;
	}
	say_numbers(first, last);
}

static void answer_renames(long count, const char *name)
{
	char other[32];

	for (long i = 0; i < count; i++) {
		snprintf(other, sizeof(other), "n %ld", i);
		prctl(PR_SET_NAME, other);
	}
	prctl(PR_SET_NAME, name);
	say("ok\n");
}

static void overwrite_title(const char *text)
{
	char *end = own_argv[own_argc - 1] + strlen(own_argv[own_argc - 1]) + 1;
	size_t room = (size_t)(end - own_argv[0]);

	memset(own_argv[0], 0, room);
	strncpy(own_argv[0], text, room - 1);
}

static void obey(char **words, int count)
{
	const char *order = words[0];

	if (!strcmp(order, "fork")) {
		answer_fork(0, -1, 0);
	} else if (!strcmp(order, "forkpid") && count == 2) {
		answer_fork(0, -1, atoi(words[1]));
	} else if (!strcmp(order, "forkinto") && count == 2) {
		int cgroup = open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (cgroup < 0)
			say_error(words[1]);
		else
			answer_fork(CLONE_INTO_CGROUP, cgroup, 0);
		close(cgroup);
	} else if (!strcmp(order, "spawn") && count >= 3) {
		answer_spawn(!strcmp(words[1], "keep") ? environ : no_environment, words + 2);
	} else if (!strcmp(order, "orphan") && count >= 2) {
		answer_orphan(words + 1);
	} else if (!strcmp(order, "become") && count >= 2) {
		execve(words[1], words + (count == 2 ? 2 : 1), environ);
		say_error(words[1]);
	} else if (!strcmp(order, "become_thread") && count >= 2) {
		start_thread("", words + 1);
		say_error(words[1]);
	} else if (!strcmp(order, "thread") && count == 2) {
		pid_t tid = start_thread(words[1], NULL);
		if (tid < 0)
			say_error("thread");
		else
			say_numbers(tid, 0);
	} else if (!strcmp(order, "threads") && count == 2) {
		answer_threads(atol(words[1]));
	} else if (!strcmp(order, "rename") && count == 2) {
		prctl(PR_SET_NAME, words[1]);
		say("ok\n");
	} else if (!strcmp(order, "renames") && count == 3) {
		answer_renames(atol(words[1]), words[2]);
	} else if (!strcmp(order, "setenv") && count == 3) {
		setenv(words[1], words[2], 1);
		say("ok\n");
	} else if (!strcmp(order, "title") && count == 2) {
		overwrite_title(words[1]);
		say("ok\n");
	} else if (!strcmp(order, "pid")) {
		say_numbers(getpid(), 0);
	} else {
		say("error: not an order of mine\n");
	}
}

int main(int argc, char **argv)
{
	char *line = NULL, *words[WORDS_MAX + 1];
	size_t size = 0;

	own_argc = argc;
	own_argv = argv;
	say("ready\n");
	while (getline(&line, &size, stdin) > 0) {
		int count = 0;
		char *rest = line;

		line[strcspn(line, "\n")] = 0;
		while (count < WORDS_MAX && (words[count] = strsep(&rest, "\t")))
			count++;
		words[count] = NULL;
		if (count > 0)
			obey(words, count);
	}
	sleep_for_ever();
}
