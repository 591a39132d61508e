// SPDX-License-Identifier: GPL-2.0-only
//
// A program that plays any process: it runs under whatever name, arguments and environment it was given, and waits.
//
// VIGIL_ACTOR_NEXT names a file with what to execute next: strings, each with its NUL: path, number of arguments, the
// arguments, number of variables, the variables. Without it the play is on: VIGIL_ACTOR_COMM becomes the thread's name, a byte
// is written to descriptor 3, and the process waits until descriptor 4 is closed by whoever started it.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static char text[1 << 20];
static size_t used, at;

static char *next_string(void)
{
	char *string = text + at;

	while (at < used && text[at])
		at++;
	at++;
	return string;
}

static char **next_list(void)
{
	long count = strtol(next_string(), NULL, 10);
	char **list = calloc((size_t)count + 1, sizeof(*list));

	for (long i = 0; list && i < count; i++)
		list[i] = next_string();
	return list;
}

static int execute(const char *plan)
{
	int fd = open(plan, O_RDONLY);
	ssize_t got;
	char *path, **args, **vars;

	while (fd >= 0 && (got = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	path = next_string();
	args = next_list();
	vars = next_list();
	if (fd < 0 || !args || !vars)
		return 1;
	close(fd);
	execve(path, args, vars);
	perror(path);
	return 1;
}

int main(void)
{
	const char *next = getenv("VIGIL_ACTOR_NEXT"), *comm = getenv("VIGIL_ACTOR_COMM");
	char byte = 0;

	if (next)
		return execute(next);
	if (comm)
		prctl(PR_SET_NAME, comm, 0, 0, 0);
	if (write(3, &byte, 1) != 1)
		return 1;
	return read(4, &byte, 1) < 0;
}
