/* SPDX-License-Identifier: Apache-2.0
 * How a terminal comes from the OCI runtime: over a unix socket, as a descriptor. */
#include "agent/runtime/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int console_listen(const char *dir, const char *name)
{
	/* By descriptor: the path itself may be longer than a socket address can hold. */
	auto_close int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (at < 0 || fd < 0)
		return -errno;
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", at, name);
	if (n >= (int)sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		return -errno;
	return take_fd(fd);
}

int console_take(int fd)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	auto_close int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	int master = -ENODATA;
	if (conn < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
	ssize_t n = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&master, CMSG_DATA(c), sizeof(master));
	return master;
}
