/* SPDX-License-Identifier: Apache-2.0
 * Join tokens: what is kept of them, and when one is good. */
#include "controller/core/token.h"
#include "base/crypto.h"
#include "base/num.h"
#include <errno.h>
#include <string.h>

struct token {
	char hash[65]; /* of the secret */
	int64_t created_ms, expires_ms;
	bool once;
};
struct tokens {
	struct map by_id;
};

struct tokens *tokens_new(void)
{
	struct tokens *t = xcalloc(1, sizeof(*t));

	t->by_id.free_val = free;
	return t;
}

void tokens_free(struct tokens *t)
{
	if (!t)
		return;
	map_clear(&t->by_id);
	free(t);
}

static json_t *token_json(const struct token *k)
{
	return json_pack("{s:I,s:I,s:b}", "created_ms", (json_int_t)k->created_ms, "expires_ms",
			 (json_int_t)k->expires_ms, "once", k->once);
}

int tokens_load(struct tokens *t, const char *id, const char *row, struct err *err)
{
	auto_json *j = json_parse(row, strlen(row), err);
	const char *hash;
	struct token *k;

	if (!j || json_need_str(j, "hash", &hash, err))
		return err_wrap(err, -EUCLEAN, "token '%s' in the store", id);
	if (strlen(hash) != sizeof(k->hash) - 1)
		return err_set(err, -EUCLEAN, "token '%s' in the store has a damaged hash", id);
	k = xcalloc(1, sizeof(*k));
	strcpy(k->hash, hash);
	k->created_ms = json_int(j, "created_ms", 0);
	k->expires_ms = json_int(j, "expires_ms", 0);
	k->once = json_bool(j, "once", false);
	map_set(&t->by_id, id, k);
	return 0;
}

int tokens_create(struct tokens *t, int64_t now_wall_ms, int64_t ttl_ms, bool once,
		  struct jointoken *out, char **ret_row, struct err *err)
{
	unsigned char raw[JOINTOKEN_SECRET_LEN / 2];
	auto_json *row = NULL;
	struct token *k;

	if (t->by_id.n >= TOKENS_MAX)
		return err_set(
			err, -E2BIG,
			"there are %d join tokens already; remove some with `carrack token rm`",
			TOKENS_MAX);
	if (ttl_ms < 1000 || ttl_ms > TOKEN_TTL_MAX)
		return err_set(err, -EINVAL, "a token's time to live is from 1 second to 365 days");
	crypto_random(raw, JOINTOKEN_ID_LEN / 2);
	hex_encode(raw, JOINTOKEN_ID_LEN / 2, out->id);
	crypto_random(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), out->secret);
	crypto_wipe(raw, sizeof(raw));
	k = xcalloc(1, sizeof(*k));
	crypto_hash_hex(out->secret, strlen(out->secret), k->hash);
	k->created_ms = now_wall_ms;
	k->expires_ms = now_wall_ms + ttl_ms;
	k->once = once;
	map_set(&t->by_id, out->id, k);
	row = token_json(k);
	json_put_str(row, "hash", k->hash);
	*ret_row = json_text(row);
	return 0;
}

int tokens_check(const struct tokens *t, const char *id, const char *secret, int64_t now_wall_ms,
		 struct err *err)
{
	static const struct token none;
	const struct token *k = map_get(&t->by_id, id);
	char hash[65];
	bool good;

	/* The same work for an unknown id as for a known one. */
	crypto_hash_hex(secret, strlen(secret), hash);
	good = crypto_equal(hash, k ? k->hash : none.hash, sizeof(hash));
	if (!k || !good || k->expires_ms <= now_wall_ms)
		return err_set(
			err, -EACCES,
			"the controller does not accept this join token; it may have expired: "
			"make a new one with `carrack token create`");
	return 0;
}

bool tokens_once(const struct tokens *t, const char *id)
{
	const struct token *k = map_get(&t->by_id, id);

	return k && k->once;
}

bool tokens_del(struct tokens *t, const char *id)
{
	return map_del(&t->by_id, id);
}

void tokens_expire(struct tokens *t, int64_t now_wall_ms, struct strlist *ids)
{
	map_each(&t->by_id, e)
	{
		const struct token *k = e->val;

		if (k->expires_ms > now_wall_ms)
			continue;
		strlist_add(ids, e->key);
		map_del(&t->by_id, ids->v[ids->n - 1]);
	}
}

json_t *tokens_json(const struct tokens *t)
{
	json_t *a = json_array();

	map_each(&t->by_id, e)
	{
		json_t *j = token_json(e->val);

		json_object_set_new(j, "id", json_string(e->key));
		json_array_append_new(a, j);
	}
	return a;
}
