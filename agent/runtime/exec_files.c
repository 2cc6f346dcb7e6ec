/* SPDX-License-Identifier: Apache-2.0
 * The files of commands in containers, and what an agent that died left of them. */
#include "agent/runtime/internal.h"
#include "base/fd.h"
#include "base/num.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

pid_t exec_read_pid(const char *path)
{
	auto_free char *text = NULL;
	int64_t pid;
	if (file_read(path, 64, &text, NULL, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return num_parse_i64(text, 2, INT32_MAX, &pid) ? (pid_t)pid : 0;
}

void exec_remove_files(const char *base)
{
	static const char *const suffixes[] = {"json", "pid", "sock"};
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		auto_free char *path = xasprintf("%s.%s", base, suffixes[i]);
		unlink(path);
	}
}

/* Only what is still in the container's own cgroup. */
static void kill_orphan(const struct container *c, const char *pid_path)
{
	pid_t pid = exec_read_pid(pid_path);
	auto_close int fd = pid && pid != c->pid ? pidfd_of(pid) : -1;
	if (fd < 0)
		return;
	auto_free char *path = xasprintf("/proc/%d/cgroup", (int)pid), *text = NULL;
	if (file_read(path, RUN_FILE_MAX, &text, NULL, NULL) == 0 && strstr(text, c->cgroup))
		pidfd_signal(fd, SIGKILL);
}

void exec_kill_orphans(const struct container *c)
{
	DIR *d = opendir(c->run);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!str_starts(e->d_name, "exec-") || !str_ends(e->d_name, ".json"))
			continue;
		auto_free char *base = xasprintf("%s/%s", c->run, e->d_name);
		base[strlen(base) - strlen(".json")] = '\0';
		auto_free char *pid_path = xasprintf("%s.pid", base);
		kill_orphan(c, pid_path);
		exec_remove_files(base);
	}
	if (d)
		closedir(d);
}
