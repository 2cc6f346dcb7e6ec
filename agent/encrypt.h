/* SPDX-License-Identifier: Apache-2.0
 *
 * Can this host carry encrypted networks, by which key, and if not, why: found out once at the start,
 * told to the controller and to `carrack doctor`.
 */
#pragma once
#include "agent/core/core.h"
#include "agent/core/tunnelkey.h"
#include "manifests/conf.h"

struct encrypt {
	struct core *core;
	struct tunnelkey *key; /* NULL: it cannot */
	struct ov_tunnel tunnel;
	char *why_not; /* NULL: it can */
	char public_key[65], next_key[65];
	bool (*tell)(void *arg);
	void *arg;
};

/* A sentence that says why not (caller frees), or NULL. */
char *encrypt_why_not(void);
/* tell: sends what encrypt_describe says to the controller; false: it is not connected. The tunnel is
 * then for overlay_config. */
int encrypt_open(struct encrypt *e, struct core *c, const struct conf *conf,
		 bool (*tell)(void *arg), void *arg, struct err *err);
void encrypt_close(struct encrypt *e);
/* Fills the members of the tunnel; they are borrowed from e. */
void encrypt_describe(struct encrypt *e, struct wire_node *n);
