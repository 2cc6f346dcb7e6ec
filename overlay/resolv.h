/* SPDX-License-Identifier: Apache-2.0
 * The host's resolvers: addresses of name servers from a resolv.conf. */
#pragma once
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLV_PORT        53
#define RESOLV_SERVERS_MAX 8

struct resolv_server {
	struct sockaddr_storage addr;
	socklen_t len;
};
/* Text "192.0.2.1" or "2001:db8::1", port 53; false: no address. */
bool resolv_parse_server(const char *text, struct resolv_server *ret);
/* The nameserver lines of text; at most RESOLV_SERVERS_MAX. Pure. */
size_t resolv_parse(const char *text, struct resolv_server out[RESOLV_SERVERS_MAX]);

/* The file's servers, read again when it changed, asked about at most once a second. */
struct resolv {
	char *path;
	uint64_t looked_ms;
	int64_t mtime_ns;
	struct resolv_server v[RESOLV_SERVERS_MAX];
	size_t n;
};
void resolv_refresh(struct resolv *r);
