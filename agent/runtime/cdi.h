/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices by name, "vendor.com/class=name": the Container Device Interface (CDI specification 1.1.0,
 * tags.cncf.io/container-device-interface). Files of the host say what a container needs for one:
 * device nodes, mounts, environment, groups, hooks.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include <stdint.h>

/* Where such files are; NULL ends it. What an earlier folder has counts. */
extern const char *const cdi_folders[];

/* Applies those of devices that are such names to an OCI configuration. folders: NULL for those
 * above. -ENODEV: no file has one of them. */
int cdi_apply(const struct strlist *devices, const char *const *folders, json_t *config,
	      struct err *err);
/* Names of all devices that files of the folders have (NULL: those above), sorted, each once. */
void cdi_names(const char *const *folders, struct strlist *out);
/* Another number where the files are others, or were written again. */
uint64_t cdi_changes(const char *const *folders);
