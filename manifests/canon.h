/* SPDX-License-Identifier: Apache-2.0
 *
 * The canonical JSON of a stack, both ways: what travels to the controller, is stored, and reaches
 * agents. Reading it validates as strictly as reading a file does: the controller trusts no client.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "manifests/spec.h"

json_t *canon_stack(const struct spec_stack *s);     /* new reference */
json_t *canon_service(const struct spec_service *s); /* new reference */
json_t *canon_volume(const struct spec_volume *v);   /* new reference */
json_t *canon_network(const struct spec_network *n); /* new reference */
int canon_stack_parse(const json_t *j, struct spec_stack **ret, struct err *err);
int canon_service_parse(const json_t *j, const char *name, struct spec_service *out,
			struct err *err);
int canon_network_parse(const json_t *j, const char *key, struct spec_network *out,
			struct err *err);
int canon_volume_parse(const json_t *j, const char *key, struct spec_volume *out, struct err *err);

/* Hash (hex, 65 bytes with NUL) of what a container is made from: everything of the service except
 * what changes without a restart (replicas, placement, update and deploy labels). Two services with
 * one hash need no restart. */
void canon_task_hash(const struct spec_service *s, char out[65]);
