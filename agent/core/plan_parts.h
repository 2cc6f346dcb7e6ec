/* SPDX-License-Identifier: Apache-2.0
 * What the files of plan share among themselves. */
#pragma once
#include "agent/core/plan.h"

const char *plan_keep(struct plan *p, char *owned); /* kept until plan_done */
/* An absolute container path without "//", "." and a trailing "/"; ".." is refused. */
int plan_clean_path(const char *path, char **ret, struct err *err);
int plan_mounts(const struct plan_input *in, struct plan *p, struct err *err);
int plan_net(const struct plan_input *in, struct plan *p, struct err *err);
/* plan_run.c */
int plan_security(const struct spec_service *s, struct plan *p, struct err *err);
void plan_resources(const struct spec_service *s, struct plan *p);
int plan_logging(const struct spec_service *s, struct plan *p, struct err *err);
