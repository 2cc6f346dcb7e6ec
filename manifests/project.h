/* SPDX-License-Identifier: Apache-2.0
 *
 * From the files of a stack to one canonical tree: reading, variables, include, extends, merging and
 * profiles. Private to manifests/.
 */
#pragma once
#include "manifests/sources.h"

/* The tree of the stack; p->plain: as it was written. NULL with errors. */
struct node *project_read(struct project *p, const struct stackfile_input *in, struct diag *d);
void project_done(struct project *p);
