/* SPDX-License-Identifier: Apache-2.0
 * Listening sockets; see listen.h. */
#include "base/listen.h"
#include "base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG        1024
#define ACCEPTS_A_TURN 64  /* others on the loop get their turn in a flood */
#define SHORT_PAUSE_MS 100 /* when no descriptor is left: accept would fail again at once */

struct listener {
	struct loop *loop;
	struct watch *watch;
	struct timer *again;
	listen_cb cb;
	void *arg;
	int fd;
	bool *freed; /* set by listener_free while on_incoming is on the stack */
};

static void on_incoming(int fd, unsigned flags, void *arg);

static void listen_again(void *arg)
{
	struct listener *s = arg;
	s->watch = watch_fd(s->loop, s->fd, WATCH_READ, on_incoming, s);
}

static void on_incoming(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct listener *s = arg;
	bool freed = false;
	s->freed = &freed;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int got = accept4(fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (got < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			watch_free(take_ptr(s->watch));
			timer_set(s->again, SHORT_PAUSE_MS);
		}
		if (got < 0)
			break;
		char addr[LISTEN_ADDR_MAX] = "";
		getnameinfo((struct sockaddr *)&from, len, addr, sizeof(addr), NULL, 0,
			    NI_NUMERICHOST);
		s->cb(got, addr, s->arg);
		if (freed)
			return;
	}
	s->freed = NULL;
}

static int bind_one(const struct addrinfo *a, int *ret)
{
	auto_close int fd =
		socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	int on = 1;
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->ai_family == AF_INET6) /* whatever net.ipv6.bindv6only says */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret = take_fd(fd);
	return 0;
}

int listener_open(struct loop *l, const char *addr, uint16_t port, listen_cb cb, void *arg,
		  struct listener **ret, struct err *err)
{
	struct addrinfo *res = NULL,
			hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	char service[8];
	int fd = -1;
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(addr, service, &hints, &res) != 0)
		return err_set(err, -EINVAL, "'%s' is not an address to listen on", addr);
	int r = bind_one(res, &fd);
	freeaddrinfo(res);
	if (r == -EADDRINUSE)
		return err_set(err, r,
			       "port %u of '%s' is in use; stop what listens there or choose "
			       "another with --listen",
			       port, addr);
	if (r < 0)
		return err_sys(err, r, "cannot listen on '%s' port %u", addr, port);
	struct listener *s = xcalloc(1, sizeof(*s));
	*s = (struct listener){.loop = l, .cb = cb, .arg = arg, .fd = fd};
	s->again = timer_new(l, listen_again, s);
	listen_again(s);
	*ret = s;
	return 0;
}

uint16_t listener_port(const struct listener *s)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	if (getsockname(s->fd, (struct sockaddr *)&at, &len) < 0)
		return 0;
	if (at.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&at)->sin6_port);
	return ntohs(((struct sockaddr_in *)&at)->sin_port);
}

void listener_free(struct listener *s)
{
	if (!s)
		return;
	if (s->freed)
		*s->freed = true;
	watch_free(s->watch);
	timer_free(s->again);
	close(s->fd);
	free(s);
}
