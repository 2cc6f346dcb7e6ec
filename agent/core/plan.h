/* SPDX-License-Identifier: Apache-2.0
 *
 * What a task becomes: its service's spec and its image, merged by Docker's rules, as the plain
 * requests of runtime.h and overlay.h. Pure: touches no file and no network.
 *
 * A plan borrows from the task and the images it was made of; they must outlive it.
 */
#pragma once
#include "agent/image/image.h"
#include "agent/runtime/runtime.h"
#include "manifests/wire.h"
#include "overlay/overlay.h"

struct plan_input {
	const struct wire_task *task;
	const struct wire_task *net_of; /* the task whose network it has; NULL: its own */
	const struct image *image;
	struct image *const
		*mounted; /* for each mount of the task that is an image; NULL: none is */
	const struct image
		*volumes_of;  /* whose volumes it has, and are filled from; NULL: image's */
	const char *data_dir; /* volumes are below it */
	const char *run_dir;  /* files of configs and secrets are below it */
	const char *gateway;  /* what "host-gateway" in extra_hosts means; NULL: none */
};

struct plan_dir { /* a host directory to have before the start */
	char *path;
	const struct spec_volume *volume; /* a named volume and its options; NULL otherwise */
	char *subpath;                    /* of the volume, must be there; may be NULL */
	bool bind;                        /* a bind source: made only where `create` says so */
	bool create;
};

struct plan {
	struct rt_spec rt; /* netns, labels: filled in by who starts it */
	struct ov_sandbox sandbox;
	bool host_network;   /* no sandbox */
	bool joined_network; /* that of another task: no sandbox of its own */
	struct plan_dir *dirs;
	size_t n_dirs;
	struct ov_endpoint *endpoints; /* behind sandbox.endpoints */
	struct ipaddr *extra;          /* behind the endpoints' extra */
	struct kvlist net_sysctls;
	struct strlist pool; /* strings that rt points to */
};

int plan_make(const struct plan_input *in, struct plan *out, struct err *err);
/* Only sandbox and net_sysctls, to mend the network of a container that runs; image may be NULL. */
int plan_sandbox(const struct plan_input *in, struct plan *out, struct err *err);
void plan_done(struct plan *p);

struct plan_health {
	bool on;
	struct strlist args; /* ready to run */
	uint64_t interval_ms, timeout_ms, start_period_ms, start_interval_ms;
	int64_t retries;
};
/* image may be NULL (after a restart without it): then only the service's own test counts. */
void plan_health(const struct spec_service *s, const struct image *image, struct plan_health *out);
void plan_health_done(struct plan_health *h);

/* DATA/volumes/NAME/_data, and the Nth anonymous one of a task. Caller frees. */
char *plan_volume_path(const char *data_dir, const char *name);
char *plan_anonymous_path(const char *data_dir, const char *task_id, size_t n);
/* The folder of all anonymous volumes of a task. Caller frees. */
char *plan_anonymous_dir(const char *data_dir, const char *task_id);
