/* SPDX-License-Identifier: Apache-2.0
 * Finds one of carrack's own programs; see program.h. */
#include "base/program.h"
#include "base/str.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char *executable(const char *dir, size_t len, const char *name)
{
	auto_free char *path = xasprintf("%.*s/%s", (int)len, dir, name);
	return access(path, X_OK) == 0 ? take_ptr(path) : NULL;
}

char *program_find(const char *given, const char *name)
{
	if (given && strchr(given, '/'))
		return access(given, X_OK) == 0 ? realpath(given, NULL) : NULL;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *found = NULL;
	if (n > 0) {
		self[n] = '\0';
		found = executable(self, (size_t)(strrchr(self, '/') - self), given ?: name);
	}
	for (const char *p = getenv("PATH"); !found && p && *p;) {
		size_t len = strcspn(p, ":");
		found = executable(p, len, given ?: name);
		p += len + (p[len] == ':');
	}
	return found;
}

void program_raise_files(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}
