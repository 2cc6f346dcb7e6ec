/* SPDX-License-Identifier: Apache-2.0
 * The node's WireGuard key and its rotation; see tunnelkey.h. */
#include "agent/core/tunnelkey.h"
#include "base/crypto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <string.h>

#define HOUR_MS     (3600LL * 1000)
#define RETRY_MS    60000 /* the controller is not there: keys do not change behind the peers' back */
#define WAIT_MAX_MS (24 * HOUR_MS)

struct tunnelkey {
	char *path;
	uint8_t key[OV_KEY_BYTES], next[OV_KEY_BYTES];
	bool has_next;
	int64_t since_ms; /* wall clock: when key was taken into use */
	int64_t rotation_ms;
	const struct tunnelkey_ops *ops;
	void *arg;
	struct timer *timer;
};

static int save(const struct tunnelkey *k, struct err *err)
{
	char hex[2 * OV_KEY_BYTES + 1];
	auto_json *j = json_object();
	hex_encode(k->key, sizeof(k->key), hex);
	json_put_str(j, "key", hex);
	if (k->has_next) {
		hex_encode(k->next, sizeof(k->next), hex);
		json_put_str(j, "next", hex);
	}
	json_put_int(j, "since_ms", k->since_ms);
	auto_free char *text = json_text(j);
	int r = file_replace(k->path, text, strlen(text), 0600, err);
	crypto_wipe(text, strlen(text));
	crypto_wipe(hex, sizeof(hex));
	return r;
}

static int load(struct tunnelkey *k, struct err *err)
{
	auto_json *j = json_parse_file(k->path, err);
	const char *key = json_str(j, "key"), *next = json_str(j, "next");
	if (!j)
		return err->code ? err->code : -EINVAL;
	if (!key || !hex_decode(key, k->key, sizeof(k->key)))
		return err_set(err, -EINVAL, "\"%s\" holds no key; remove it to get a fresh one",
			       k->path);
	k->has_next = next && hex_decode(next, k->next, sizeof(k->next));
	k->since_ms = json_int(j, "since_ms", 0);
	return 0;
}

/* When to look again. */
static void wait(struct tunnelkey *k)
{
	if (k->has_next) {
		timer_set(k->timer, TUNNELKEY_SETTLE_MS);
		return;
	}
	if (!k->rotation_ms)
		return;
	int64_t left = k->since_ms + k->rotation_ms - clock_wall_ms();
	if (left > WAIT_MAX_MS)
		left = WAIT_MAX_MS;
	timer_set(k->timer, left > 0 ? (uint64_t)left : 0);
}

static void turn(struct tunnelkey *k)
{
	uint8_t old[OV_KEY_BYTES];
	struct err err = {0};
	memcpy(old, k->key, sizeof(old));
	memcpy(k->key, k->next, sizeof(k->key));
	k->has_next = false;
	int64_t was = k->since_ms;
	k->since_ms = clock_wall_ms();
	if (save(k, &err) < 0) { /* a restart would find the old one */
		log_error("agent", "the key cannot change: %s", err_text(&err));
		memcpy(k->key, old, sizeof(old));
		k->has_next = true;
		k->since_ms = was;
		timer_set(k->timer, RETRY_MS);
		return;
	}
	crypto_wipe(k->next, sizeof(k->next));
	crypto_wipe(old, sizeof(old));
	k->ops->use(k->key, k->arg);
	(void)k->ops->tell(k->arg); /* if nobody hears it, a handshake tells the peers */
	log_info("agent", "encrypted networks use a fresh key");
	wait(k);
}

int tunnelkey_rotate(struct tunnelkey *k, struct err *err)
{
	if (k->has_next)
		return err_set(err, -EALREADY, "the key is being changed already");
	crypto_key_new(k->next);
	k->has_next = true;
	int r = save(k, err);
	if (r == 0 && !k->ops->tell(k->arg))
		r = err_set(err, -ENOTCONN, "the controller is not connected");
	if (r < 0) {
		k->has_next = false;
		(void)save(k, NULL);
		return r;
	}
	timer_set(k->timer, TUNNELKEY_SETTLE_MS);
	return 0;
}

static void on_timer(void *arg)
{
	struct tunnelkey *k = arg;
	struct err err = {0};
	if (k->has_next) {
		if (k->ops->tell(k->arg))
			turn(k);
		else
			timer_set(k->timer, RETRY_MS);
		return;
	}
	if (clock_wall_ms() < k->since_ms + k->rotation_ms)
		wait(k);
	else if (tunnelkey_rotate(k, &err) < 0)
		timer_set(k->timer, RETRY_MS);
}

int tunnelkey_open(struct loop *l, const char *path, int rotation_hours,
		   const struct tunnelkey_ops *ops, void *arg, struct tunnelkey **ret,
		   struct err *err)
{
	struct tunnelkey *k = xcalloc(1, sizeof(*k));
	k->path = xstrdup(path);
	k->rotation_ms = rotation_hours * HOUR_MS;
	k->ops = ops;
	k->arg = arg;
	int r = 0;
	if (path_exists(path)) {
		r = load(k, err);
	} else {
		crypto_key_new(k->key);
		k->since_ms = clock_wall_ms();
		r = save(k, err);
	}
	k->timer = timer_new(l, on_timer, k);
	if (r < 0) {
		tunnelkey_close(k);
		return r;
	}
	wait(k);
	*ret = k;
	return 0;
}

void tunnelkey_close(struct tunnelkey *k)
{
	if (!k)
		return;
	timer_free(k->timer);
	free(k->path);
	crypto_wipe(k, sizeof(*k));
	free(k);
}

const uint8_t *tunnelkey_private(const struct tunnelkey *k)
{
	return k->key;
}

void tunnelkey_public(const struct tunnelkey *k, char key[65], char next[65])
{
	uint8_t pub[OV_KEY_BYTES];
	crypto_key_public(k->key, pub);
	hex_encode(pub, sizeof(pub), key);
	next[0] = '\0';
	if (!k->has_next)
		return;
	crypto_key_public(k->next, pub);
	hex_encode(pub, sizeof(pub), next);
}
