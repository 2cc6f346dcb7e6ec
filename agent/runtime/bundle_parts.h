/* SPDX-License-Identifier: Apache-2.0
 * The larger parts of an OCI configuration; private to the bundle_*.c files. */
#pragma once
#include "agent/runtime/bundle.h"
#include "agent/runtime/caps.h"

json_t *bundle_mounts(const struct rt_spec *s, const struct bundle_host *h, struct err *err);
/* Of the tmpfs at /dev/shm, comma-separated; size -1: the default. Caller frees. */
char *bundle_shm_options(int64_t size);
/* Every target absolute and plain, every source there. */
int bundle_check_mounts(const struct rt_spec *s, struct err *err);

json_t *bundle_resources(const struct rt_spec *s, const struct bundle_host *h, json_t *nodes,
			 struct err *err);
json_t *bundle_rlimits(const struct rt_spec *s, struct err *err);
json_t *bundle_sysctls(const struct rt_spec *s, struct err *err);
int64_t bundle_oom_score(int64_t wanted, caps_t available);

json_t *bundle_io(const struct rt_spec *s, struct err *err);
int bundle_device_rules(const struct rt_spec *s, json_t *rules, struct err *err);
json_t *bundle_words(const char *words); /* an array of the blank-separated words */
json_t *bundle_list(const struct strlist *l);
