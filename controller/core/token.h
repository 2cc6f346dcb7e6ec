/* SPDX-License-Identifier: Apache-2.0
 *
 * Join tokens as the controller keeps them: a hash of the secret, an end, and whether one use ends
 * it. Rows live in the store under "tokens/ID"; the driver writes what these functions say.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "manifests/jointoken.h"
#include <stdbool.h>
#include <stdint.h>

#define TOKENS_MAX        1000
#define TOKEN_KEY_PREFIX  "tokens/"
#define TOKEN_TTL_DEFAULT (24LL * 3600 * 1000) /* ms */
#define TOKEN_TTL_MAX     (365LL * 24 * 3600 * 1000)

struct tokens; /* all of them, by id */
struct tokens *tokens_new(void);
void tokens_free(struct tokens *t);

int tokens_load(struct tokens *t, const char *id, const char *row, struct err *err);
/* Makes a token; fills id and secret of out. *ret_row: its row, freed by the caller. */
int tokens_create(struct tokens *t, int64_t now_wall_ms, int64_t ttl_ms, bool once,
		  struct jointoken *out, char **ret_row, struct err *err);
/* Is this secret good now? -EACCES with one sentence for all that is wrong, so that nothing is told
 * to someone who guesses. */
int tokens_check(const struct tokens *t, const char *id, const char *secret, int64_t now_wall_ms,
		 struct err *err);
bool tokens_once(const struct tokens *t, const char *id);
bool tokens_del(struct tokens *t, const char *id); /* false: unknown */
/* Forgets what has expired; their ids are appended, for the store. */
void tokens_expire(struct tokens *t, int64_t now_wall_ms, struct strlist *ids);
json_t *tokens_json(const struct tokens *t); /* [{"id","created_ms","expires_ms","once"}] */
