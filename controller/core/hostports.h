/* SPDX-License-Identifier: Apache-2.0
 *
 * Host ports of tasks, and what each got of its ranges of published ports of mode host: the scheduler's
 * choice when it is placed, then what its agent says that it bound.
 */
#pragma once
#include "controller/core/state.h"

/* Before a node is asked for ranges of host ports of s: brings c->everywhere up to date, which they must
 * leave alone. */
void hostports_look(struct cluster *c, const struct spec_service *s);
/* t, not counted yet, is to be on the node: takes what is free there of its ranges. */
void hostports_take(struct task *t, const struct spec_service *needs, const struct sched_node *n);
/* t, which had ended and runs again, is to be counted: what it had may be another's by now. */
void hostports_again(struct cluster *c, struct task *t, const struct sched_node *n);
void hostports_count(struct node *n, const struct task *t, bool add);
/* After t->ports is what its agent reported: takes that over. Is it other than it was told? */
bool hostports_heard(struct task *t);
/* ,"host_ports":[8001]; nothing where it has no range. */
void hostports_text(struct str *s, const struct task *t);
void hostports_load(struct task *t, const json_t *list);
