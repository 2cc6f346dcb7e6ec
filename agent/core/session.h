/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions that the command line has with a container through the controller: exec and logs. The
 * agent dials back for each, and speaks the session frames of wire.h there.
 */
#pragma once
#include "agent/core/core.h"

#define SESSION_MAX     256        /* at once on one node */
#define SESSION_PENDING (1u << 20) /* unsent bytes at which output is no longer read */

struct sessions; /* those that are open */
struct sessions *sessions_new(struct core *c);
void sessions_free(struct sessions *s);                     /* ends them all; NULL is fine */
void sessions_begin(struct sessions *s, const json_t *msg); /* a WIRE_SESSION message */
