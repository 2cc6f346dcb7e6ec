/* SPDX-License-Identifier: Apache-2.0
 * Socket options; see sock.h. */
#include "base/sock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define USER_TIMEOUT_MS 30000 /* unacknowledged bytes this old end the connection */

void sock_tune(int fd)
{
	int on = 1, idle_sec = 20, every_sec = 5, tries = 3;
	unsigned dead_ms = USER_TIMEOUT_MS;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_sec, sizeof(idle_sec));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_sec, sizeof(every_sec));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}
