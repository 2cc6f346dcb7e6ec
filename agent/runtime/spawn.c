/* SPDX-License-Identifier: Apache-2.0
 * Starting and naming processes: everything about descriptors and pids in one place. */
#include "agent/runtime/internal.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

#define SPAWN_FDS_MAX 8
#define HIGH_FD       64 /* sources are moved above the targets, so that no copy hits another */

static int add_fds(posix_spawn_file_actions_t *fa, const struct spawn_fd *fds, size_t n, int *high)
{
	bool given[3] = {false};
	for (size_t i = 0; i < n; i++) {
		high[i] = fcntl(fds[i].from, F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[i] < 0)
			return -errno;
		if (fds[i].to < 3)
			given[fds[i].to] = true;
	}
	int r = 0;
	for (int fd = 0; fd < 3 && r == 0; fd++)
		if (!given[fd])
			r = -posix_spawn_file_actions_addopen(fa, fd, "/dev/null", O_RDWR, 0);
	for (size_t i = 0; i < n && r == 0; i++)
		r = -posix_spawn_file_actions_adddup2(fa, high[i], fds[i].to);
	return r;
}

pid_t spawn(const char *const argv[], const struct spawn_fd *fds, size_t n, const char *cwd)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int high[SPAWN_FDS_MAX];
	pid_t pid = -1;
	if (n > SPAWN_FDS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		high[i] = -1;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int r = add_fds(&fa, fds, n, high);
	if (r == 0 && cwd)
		r = -posix_spawn_file_actions_addchdir_np(&fa, cwd);
	if (r == 0)
		r = -posix_spawnp(&pid, argv[0], &fa, &attr, (char **)(uintptr_t)argv, environ);
	for (size_t i = 0; i < n; i++)
		if (high[i] >= 0)
			close(high[i]);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return r < 0 ? r : pid;
}

int pidfd_of(pid_t pid)
{
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	return fd < 0 ? -ESRCH : fd;
}

int pidfd_signal(int pidfd, int signo)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

pid_t parent_of(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/stat", (int)pid), *text = NULL;
	if (file_read(path, RUN_FILE_MAX, &text, NULL, NULL) < 0)
		return -1;
	/* "PID (NAME) STATE PPID"; the name may hold anything, so it is its last ")" that counts. */
	const char *end = strrchr(text, ')');
	return end && strlen(end) > 4 ? (pid_t)strtol(end + 4, NULL, 10) : -1;
}

bool is_child_of(pid_t pid, pid_t parent)
{
	/* The OCI runtime's own child is in between for a moment, and goes while we look. */
	for (int tries = 0; tries < 3; tries++) {
		pid_t p = parent_of(pid);
		if (p == parent || (p > 1 && parent_of(p) == parent))
			return true;
	}
	return false;
}
