/* SPDX-License-Identifier: Apache-2.0
 *
 * The way to the controller: the context file (addresses, CA, client certificate), requests, and
 * upgraded connections for sessions. Tries each address until one answers.
 */
#pragma once
#include "base/conn.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"

struct client;

/* The context is $CARRACK_CONTEXT (which --context sets), ~/.config/carrack/context.json or
 * /var/lib/carrack/controller/operator.json, the first there is. */
int client_open(struct client **ret, struct err *err);
void client_free(struct client *c); /* NULL is fine */
DEFINE_CLEANUP(struct client *, client_free);

/* One request. *ret (new reference, may be NULL when not wanted) is the answer's JSON. The
 * controller's sentence comes back in err; -ENOENT when it answered 404. */
int client_do(struct client *c, const char *method, const char *path, const json_t *body,
	      json_t **ret, struct err *err);
/* client_do with GET and a path made by printf; arguments must be escaped (http_escape). */
int client_get(struct client *c, json_t **ret, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* What /v1/NOUN lists, of one stack or (stack NULL) of all; -ENOENT: there is no such stack, which an
 * empty list would not tell from a misspelt one. */
int client_list(struct client *c, const char *noun, const char *stack, json_t **ret,
		struct err *err);
/* Dials an upgraded connection to the address that answered last. NULL with err. */
struct conn *client_dial(struct client *c, struct loop *l, const char *path,
			 const struct conn_ops *ops, void *arg, struct err *err);
