/* SPDX-License-Identifier: Apache-2.0
 *
 * What the controller is told of tasks: the latest word on each, all changes of one turn of the loop
 * in one message. Nothing is kept while nobody listens: after hello every task is reported anew.
 */
#pragma once
#include "base/json.h"
#include "base/loop.h"
#include "manifests/wire.h"

struct report;
struct report *report_new(struct loop *l);
void report_free(struct report *r); /* NULL is fine */
/* Where messages go (a taken reference); NULL: nobody listens. */
void report_listen(struct report *r, void (*send)(json_t *msg_taken, void *arg), void *arg);
void report_task(struct report *r, const struct wire_report *t);
