/* SPDX-License-Identifier: Apache-2.0
 * Files of sealed configs and secrets; see sealedcache.h. */
#include "agent/core/sealedcache.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "manifests/sealed.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>

struct sealedcache {
	char *dir;
	/* version -> hash of its data, as this process wrote it. Not what it found: that may be sealed
	 * to a key which was lost. */
	struct map written;
};

struct sealedcache *sealedcache_new(const char *dir)
{
	struct sealedcache *c = xcalloc(1, sizeof(*c));
	c->dir = xstrdup(dir);
	c->written.free_val = free;
	return c;
}

void sealedcache_free(struct sealedcache *c)
{
	if (!c)
		return;
	map_clear(&c->written);
	free(c->dir);
	free(c);
}

static int load_one(const char *path, const char *version, struct map *set, struct err *err)
{
	auto_json *j = json_parse_file(path, err);
	struct sealed s;
	int r = j ? sealed_parse(j, &s, err) : err->code;
	if (r < 0)
		return r;
	if (!streq(s.version, version)) {
		sealed_done(&s);
		return err_set(err, -EINVAL, "it holds another version");
	}
	struct sealed *kept = xmalloc(sizeof(*kept));
	*kept = s;
	map_set(set, version, kept);
	return 0;
}

/* The versions on disk. */
static void list(const struct sealedcache *c, struct strlist *out)
{
	DIR *d = opendir(c->dir);
	struct dirent *e;
	while (d && (e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			strlist_add(out, e->d_name);
	if (d)
		closedir(d);
}

void sealedcache_load(struct sealedcache *c, struct map *set)
{
	auto_strlist names = {0};
	list(c, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct err err = {0};
		auto_free char *path = xasprintf("%s/%s", c->dir, names.v[i]);
		if (sealed_version_valid(names.v[i]) && load_one(path, names.v[i], set, &err) < 0)
			log_warn("agent",
				 "\"%s\" cannot be used; the controller sends it again: %s", path,
				 err_text(&err));
	}
}

static int write_one(struct sealedcache *c, const struct sealed *s, struct err *err)
{
	char hash[65];
	crypto_hash_hex(s->data, strlen(s->data), hash);
	if (streq(map_get(&c->written, s->version), hash))
		return 0;
	auto_free char *path = xasprintf("%s/%s", c->dir, s->version);
	auto_str text = {0};
	sealed_write(s, &text);
	int r = dir_make(c->dir, 0700, err);
	if (r == 0)
		r = file_write_atomic(path, text.data, text.len, 0600, err);
	if (r == 0)
		map_set(&c->written, s->version, xstrdup(hash));
	return r;
}

/* What is half written goes too. */
static void remove_others(struct sealedcache *c, const struct map *set)
{
	auto_strlist names = {0};
	list(c, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (map_has(set, names.v[i]))
			continue;
		auto_free char *path = xasprintf("%s/%s", c->dir, names.v[i]);
		if (unlink(path) < 0 && errno != ENOENT)
			log_warn("agent", "\"%s\" is not needed and stays: %s", path,
				 strerror(errno));
		map_del(&c->written, names.v[i]);
	}
}

int sealedcache_write(struct sealedcache *c, const struct map *set, struct err *err)
{
	int r = 0;
	map_each(set, e)
	{
		if (r == 0)
			r = write_one(c, e->val, err);
	}
	remove_others(c, set);
	return r;
}
