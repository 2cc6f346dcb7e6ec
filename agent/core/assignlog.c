/* SPDX-License-Identifier: Apache-2.0
 * Changes of assignments, appended; see assignlog.h. */
#include "agent/core/assignlog.h"
#include "base/fd.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LOG_MAX (64u << 20) /* of one file that is read back */

static char *log_path(const char *set_path)
{
	return xasprintf("%s.log", set_path);
}

void assignlog_init(struct assignlog *l, const char *set_path)
{
	*l = (struct assignlog){.path = log_path(set_path), .fd = -1};
}

void assignlog_done(struct assignlog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	str_done(&l->pending);
	free(l->path);
	*l = (struct assignlog){.fd = -1};
}

void assignlog_add(struct assignlog *l, const json_t *msg)
{
	auto_free char *text = json_text(msg);
	str_add(&l->pending, text);
	str_addc(&l->pending, '\n');
}

int assignlog_write(struct assignlog *l, struct err *err)
{
	if (!l->pending.len)
		return 0;
	if (l->fd < 0)
		l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (l->fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", l->path);
	int r = fd_write_all(l->fd, l->pending.data, l->pending.len);
	if (r == 0 && fdatasync(l->fd) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot write '%s'", l->path);
	l->size += l->pending.len;
	str_clear(&l->pending);
	return 0;
}

void assignlog_drop(struct assignlog *l)
{
	str_clear(&l->pending);
	l->size = 0;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	(void)unlink(l->path);
}

bool assignlog_read(struct assignlog *l, bool (*fn)(const json_t *msg, void *arg), void *arg)
{
	auto_free char *text = NULL;
	size_t len = 0;
	if (file_read(l->path, LOG_MAX, &text, &len, NULL) < 0)
		return access(l->path, F_OK) < 0;
	l->size = len;
	for (const char *at = text, *end; (end = memchr(at, '\n', len)); at = end + 1) {
		size_t n = (size_t)(end - at);
		auto_json *msg = json_parse(at, n, NULL);
		len -= n + 1;
		if (!msg || !fn(msg, arg))
			return false;
	}
	return len == 0; /* else the last line was cut by a crash */
}

int assignlog_forget(const char *set_path, struct err *err)
{
	auto_free char *path = log_path(set_path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "old assignments \"%s\" cannot be removed", path);
	return 0;
}
