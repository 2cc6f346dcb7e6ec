/* SPDX-License-Identifier: Apache-2.0
 * One address of a registry (itself or a mirror): requests with authentication and redirects. */
#pragma once
#include "agent/image/auth.h"
#include "base/http.h"
#include <pthread.h>

struct endpoint {
	char *base;            /* "https://host:port", no slash at the end */
	struct url url;        /* of base */
	bool insecure;         /* do not verify TLS */
	char *user, *password; /* NULL: none known */
	pthread_mutex_t lock;
	char *authorization; /* under lock; the header's value, NULL before a challenge */
	bool dead;           /* under lock; nobody answered there */
};

/* auth: "user:password" or NULL. false: base is no URL. */
bool endpoint_init(struct endpoint *e, const char *base, bool insecure, const char *auth);
void endpoint_done(struct endpoint *e);

struct endpoint_ask {
	const char *path;   /* from "/v2/" on */
	const char *accept; /* a whole header; may be NULL */
	const char *scope;  /* what the token must allow when the challenge does not say */
	bool hurry;         /* do not wait long for an answer */
	int64_t offset;     /* > 0: only what is behind it */
	size_t body_max;
	int (*on_body)(const void *data, size_t len, void *arg);
	void *arg;
};
/* 0 when there was an answer, whatever its status. */
int endpoint_get(struct endpoint *e, struct http *h, const struct endpoint_ask *q,
		 struct http_res *res, struct err *err);
