/* SPDX-License-Identifier: Apache-2.0
 *
 * Images on one node. Downloading and unpacking happen in a worker process (`carrack image-worker`),
 * so a hostile archive meets a process that can do nothing else, and the agent stays small. The
 * agent keeps the index of what is there.
 *
 * DIR/blobs/sha256/HEX      compressed blobs, manifests and configs, verified before they get their name
 * DIR/layers/SHORT/fs       an unpacked layer (overlayfs form); SHORT: 16 hex digits of the chain id
 * DIR/refs.json             name -> manifest digest, written only by the resolver
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct image_store;

struct registry_config {         /* from the agent's configuration */
	struct strlist insecure; /* "host:port" spoken to over plain HTTP or without verifying */
	struct kvlist mirrors;   /* registry host -> mirror URL, tried first */
	struct kvlist auth;      /* registry host -> "user:password" */
};

struct image {        /* what an image says about its containers (OCI image config, "config") */
	char *ref;    /* as asked for */
	char *digest; /* of the manifest of this platform */
	struct strlist layers; /* absolute directories, lowest first */
	struct strlist entrypoint, cmd, env, volumes, exposed;
	struct kvlist labels;
	char *user, *working_dir, *stop_signal;
	struct strlist health_test;
	int64_t health_interval, health_timeout, health_start_period,
		health_retries; /* -1: unset */
};
void image_free(struct image *i); /* NULL is fine */

int image_store_open(struct loop *l, const char *dir, const struct registry_config *rc,
		     struct image_store **ret, struct err *err);
void image_store_close(struct image_store *s);

struct image_progress {
	int layers_done, layers_total;
	int64_t bytes_done, bytes_total; /* compressed; total -1 when unknown */
};
enum image_policy { IMAGE_MISSING, IMAGE_ALWAYS, IMAGE_NEVER };
struct image_request;
struct image_ops {
	void (*progress)(const struct image_progress *p, void *arg); /* may be NULL */
	/* i on success (owned by the callee), else NULL and the sentence why. Called once. */
	void (*done)(struct image *i, const char *why, void *arg);
};
/* Concurrent requests for one reference are one pull. IMAGE_ALWAYS asks the registry what the tag
 * means now and falls back to the local image when the registry cannot be reached. */
struct image_request *image_get(struct image_store *s, const char *ref, const char *platform,
				enum image_policy policy, const struct image_ops *ops, void *arg);
/* done is not called after this. From within progress: only the request it is for. */
void image_cancel(struct image_request *r);
/* An image that is there, without any network; NULL with err when it is not. */
struct image *image_local(struct image_store *s, const char *ref, struct err *err);
json_t *image_list(struct image_store *s);           /* [{"ref","digest","size"}], new reference */
unsigned image_changes(const struct image_store *s); /* from 1; another number: another list */

/* Entry point of the worker process; reads its job from standard input. */
int image_worker_main(void);
