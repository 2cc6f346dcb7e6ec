/* SPDX-License-Identifier: Apache-2.0
 * Values of configs and secrets on their way to the controller: named by their content and sealed to the
 * cluster's key here, so that nothing that leaves this process holds one in clear. */
#pragma once
#include "cli/client.h"
#include "manifests/sealed.h"
#include "manifests/spec.h"

enum seal_what {
	SEAL_NAMES,   /* only the versions are wanted */
	SEAL_MISSING, /* and the values that the controller has not */
	SEAL_ALL,     /* and all values */
};

/* Gives what the stack's services use its version. *ret: new array of what is wanted, sealed. */
int seal_stack(struct client *c, struct spec_stack *stack, enum seal_what what, json_t **ret,
	       struct err *err);
/* Sends those of an array of seal_stack that the controller has not. */
int seal_send(struct client *c, const char *stack, const json_t *sealed, struct err *err);
/* One value, sealed; new reference. */
int seal_value(struct client *c, struct sealed_id id, const void *value, size_t n, json_t **ret,
	       struct err *err);
