/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of wire objects, read with bounds: private to wire.c and wire_net.c. Each leaves a
 * sentence that names the member and touches nothing on failure.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"

#define WIRE_TEXT_MAX 4096  /* bytes of any one string outside a spec */
#define WIRE_LIST_MAX 10000 /* entries of any one list outside a spec */

int wire_get_text(const json_t *j, const char *key, bool needed, char **ret, struct err *err);
int wire_get_id(const json_t *j, const char *key, bool needed, char **ret, struct err *err);
int wire_get_list(const json_t *j, const char *key, struct strlist *out, struct err *err);
int wire_get_map(const json_t *j, const char *key, struct kvlist *out, struct err *err);
/* absent: *ret keeps what it has */
int wire_get_int(const json_t *j, const char *key, int64_t min, int64_t max, int64_t *ret,
		 struct err *err);
