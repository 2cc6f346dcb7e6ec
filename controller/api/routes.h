/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of routes and the one place that decides who may use which. What is not in the
 * table is not found, and a role that the row does not name is refused.
 */
#pragma once
#include "base/httpd.h"
#include <stdbool.h>
#include <stddef.h>

struct call;

enum role { ROLE_PUBLIC, ROLE_AGENT, ROLE_OPERATOR };

struct route {
	const char *method;
	const char *pattern; /* "*" stands for one segment, given to the handler */
	enum role role;
	bool upgrade; /* only with "Upgrade: carrack", whatever the method */
	void (*handler)(struct call *c);
};

extern const struct route routes[];
extern const size_t routes_n;

/* 0 with *ret and args (heap; at most API_ARGS_MAX), or the HTTP status that says why not: 404, 405,
 * 426 (must be upgraded), 401 (no certificate), 403 (another role). */
int route_find(const char *method, const char *path, bool upgrade, const char *peer_role,
	       const struct route **ret, char **args);
/* The handler for base/httpd.h; arg is the server. */
void route_dispatch(struct httpd_req *req, void *arg);
