/* SPDX-License-Identifier: Apache-2.0
 *
 * `carrack-shim init -- CMD ARG…`: PID 1 of a container that asked for one. It runs the command,
 * passes every signal on to it, reaps whatever is orphaned, and ends as the command ended.
 */
#pragma once
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reaps all that ended; true, with the code, when the main child is among them. */
static bool init_reap(pid_t child, int *code)
{
	int status;
	bool ended = false;
	for (pid_t p; (p = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (p != child)
			continue;
		*code = wait_code(status);
		ended = true;
	}
	return ended;
}

static int init_main(char **argv)
{
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t child = fork();
	if (child < 0)
		return 125;
	if (child == 0) {
		setpgid(0, 0);
		if (isatty(0))
			tcsetpgrp(0, getpid()); /* SIGTTOU is blocked here */
		sigprocmask(SIG_SETMASK, &before, NULL);
		execvp(argv[0], argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	for (int code = 0;;) {
		int sig = sigwaitinfo(&all, NULL);
		if (sig == SIGCHLD && init_reap(child, &code))
			return code;
		if (sig > 0 && sig != SIGCHLD)
			kill(child, sig);
	}
}
