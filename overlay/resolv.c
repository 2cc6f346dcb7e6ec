/* SPDX-License-Identifier: Apache-2.0
 * Reading resolv.conf; see resolv.h. */
#include "overlay/resolv.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RESOLV_FILE_MAX (64 << 10)
#define LOOK_EVERY_MS   1000

bool resolv_parse_server(const char *text, struct resolv_server *ret)
{
	struct resolv_server s = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&s.addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s.addr;
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(RESOLV_PORT);
		s.len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(RESOLV_PORT);
		s.len = sizeof(*v6);
	} else {
		return false;
	}
	*ret = s;
	return true;
}

size_t resolv_parse(const char *text, struct resolv_server out[RESOLV_SERVERS_MAX])
{
	size_t n = 0;
	while (*text && n < RESOLV_SERVERS_MAX) {
		size_t line = strcspn(text, "\n");
		char addr[64], copy[256];
		snprintf(copy, sizeof(copy), "%.*s", (int)(line < 255 ? line : 255), text);
		if (sscanf(copy, " nameserver %63s", addr) == 1 &&
		    resolv_parse_server(addr, &out[n]))
			n++;
		text += line + (text[line] == '\n');
	}
	return n;
}

void resolv_refresh(struct resolv *r)
{
	uint64_t now = clock_ms();
	struct stat st;
	if (r->looked_ms && now - r->looked_ms < LOOK_EVERY_MS)
		return;
	r->looked_ms = now;
	if (stat(r->path, &st) < 0)
		return; /* keep what was known */
	int64_t mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	if (mtime == r->mtime_ns)
		return;
	auto_free char *text = NULL;
	size_t len;
	if (file_read(r->path, RESOLV_FILE_MAX, &text, &len, NULL) < 0)
		return;
	r->mtime_ns = mtime;
	r->n = resolv_parse(text, r->v);
}
