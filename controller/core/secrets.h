/* SPDX-License-Identifier: Apache-2.0
 *
 * Configs and secrets in the cluster's memory: sealed versions, who needs them, those made outside of
 * stacks, and the nodes they are handed to. Private to controller/core.
 *
 * A version stays while a stack's services, a template (and so a task or a way back) or a name made by
 * hand refers to it, and SECRETS_WAIT_MS after it came, for the stack that it was sent for.
 */
#pragma once
#include "controller/core/state.h"
#include "manifests/sealed.h"

#define SECRETS_WAIT_MS 600000
/* Of all sealed values together, in base64. A node may be handed all of them at once: they must fit into
 * what may be unsent on its stream (API_BACKLOG_MAX). */
#define SECRETS_BYTES_MAX (48u << 20)
#define SECRETS_MAX       100000

struct version {
	struct sealed s; /* data NULL: it is referred to but not in the store */
	int64_t time_ms; /* wall, when it came */
	uint64_t born_ms;
	size_t refs;
	bool used;      /* was referred to since it came */
	size_t waiting; /* in c->secrets.waiting: nobody refers to it */
};

struct secret { /* a config or secret made by itself */
	bool config;
	char *name, *version;
	struct kvlist labels;
	int64_t created_ms, updated_ms;
};

struct holder { /* a version on a node: some of its tasks use it */
	struct node *node;
	struct version *version;
	size_t refs;
	bool sent;
	size_t marked;
};

/* secrets.c */
void version_ref(struct cluster *c, const char *version); /* NULL is fine, for both */
void version_unref(struct cluster *c, const char *version);
void version_free(void *v);
void secret_free(void *s);
void row_secret(struct cluster *c, const struct secret *s);
char *secret_key(bool config, const char *name); /* "secret/NAME"; caller frees */
/* Takes s, which is then empty. */
struct version *version_add(struct cluster *c, struct sealed *s, int64_t time_ms);
/* Every grant of a service: `add` refers to its version, or no longer. */
void secrets_count(struct cluster *c, const struct spec_service *s, bool add);
void secrets_count_stack(struct cluster *c, const struct spec_stack *s, bool add);
/* The versions that the services' grants mean today, into the spec; what a client sent for them does
 * not count. */
int secrets_resolve(const struct cluster *c, struct spec_stack *spec, struct err *err);
void secrets_sweep(struct cluster *c); /* drops versions that nobody needs */
int load_sealed(struct cluster *c, const char *version, const json_t *j, struct err *err);
int load_secret(struct cluster *c, const char *key, const json_t *j, struct err *err);

/* holders.c: who is handed what */
void holders_task(struct cluster *c, const struct task *t, struct node *n, bool add);
void holders_forget(struct cluster *c, struct node *n); /* it goes */
void holders_collect(struct cluster *c);                /* once a step, at its end */
void holders_snapshot(struct cluster *c, struct node *n, struct str *set);
