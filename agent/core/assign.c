/* SPDX-License-Identifier: Apache-2.0
 * The assignment set and its file. Knows no containers. */
#include "agent/core/assign.h"
#include "agent/core/assignkind.h"
#include "agent/core/assignlog.h"
#include "agent/core/sealedcache.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASSIGN_FORMAT 1
#define LOG_MIN       (256u << 10) /* of changes, before the whole set is written again */

struct assign {
	char *path;
	struct sealedcache *sealed;
	struct timer *write;
	struct map sets[KIND_MAX];
	int64_t version, epoch;
	bool known;
	struct map next[KIND_MAX]; /* a snapshot whose last message has not come */
	int64_t next_version;
	bool staged; /* next is one */
	struct assignlog log;
	bool whole;       /* the file is to be written, not only changes */
	size_t file_size; /* of the file with the whole set */
	assign_endpoint_fn watch;
	void *watch_arg;
};

static int write_whole(struct assign *a, struct err *err)
{
	auto_json *root = json_object();
	json_object_set_new(root, "format", json_integer(ASSIGN_FORMAT));
	json_object_set_new(root, "version", json_integer(a->version));
	json_object_set_new(root, "epoch", json_integer(a->epoch));
	json_object_set_new(root, "known", json_boolean(a->known));
	json_t *set = json_array();
	for (int k = 0; k < KIND_MAX; k++) {
		if (k == KIND_SEALED) /* in files of their own, see write_now */
			continue;
		map_each(&a->sets[k], e)
		{
			json_t *item = json_object();
			json_put_str(item, "kind", wire_kind_name((enum wire_kind)k));
			json_put_str(item, "id", e->key);
			json_object_set_new(item, "obj", assign_kinds[k].json(e->val));
			json_array_append_new(set, item);
		}
	}
	json_object_set_new(root, "set", set);
	auto_free char *text = json_text(root);
	size_t len = strlen(text);
	int r = file_write_atomic(a->path, text, len, 0600, err);
	if (r < 0)
		return r;
	assignlog_drop(&a->log); /* what it says is in the file */
	a->file_size = len;
	a->whole = false;
	return 0;
}

static int write_rows(struct assign *a, struct err *err)
{
	a->whole |= a->log.size > a->file_size + LOG_MIN;
	int r = a->whole ? write_whole(a, err) : assignlog_write(&a->log, err);
	a->whole |= r < 0; /* a line may have been cut */
	return r;
}

/* Sealed versions first: a task that is on disk has what it needs there. */
static void write_now(void *arg)
{
	struct assign *a = arg;
	struct err err = {0};
	int r = sealedcache_write(a->sealed, &a->sets[KIND_SEALED], &err);
	if (r < 0)
		(void)write_rows(a, NULL);
	else
		r = write_rows(a, &err);
	if (r < 0) {
		log_error("agent", "the assignments are not kept on disk: %s", err_text(&err));
		timer_set(a->write, 1000);
	}
}

static void write_soon(struct assign *a)
{
	if (!timer_is_set(a->write))
		timer_set(a->write, ASSIGN_WRITE_MS);
}

struct assign *assign_new(struct loop *l, const char *path)
{
	struct assign *a = xcalloc(1, sizeof(*a));
	a->path = xstrdup(path);
	const char *slash = strrchr(path, '/');
	auto_free char *sealed = xasprintf("%.*ssealed", slash ? (int)(slash + 1 - path) : 0, path);
	a->sealed = sealedcache_new(sealed);
	a->write = timer_new(l, write_now, a);
	for (int k = 0; k < KIND_MAX; k++)
		a->sets[k].free_val = a->next[k].free_val = assign_kinds[k].free_obj;
	assignlog_init(&a->log, path);
	a->whole = true;
	return a;
}

void assign_free(struct assign *a)
{
	if (!a)
		return;
	if (timer_is_set(a->write))
		write_now(a);
	timer_free(a->write);
	for (int k = 0; k < KIND_MAX; k++) {
		map_clear(&a->sets[k]);
		map_clear(&a->next[k]);
	}
	sealedcache_free(a->sealed);
	assignlog_done(&a->log);
	free(a->path);
	free(a);
}

void assign_watch(struct assign *a, assign_endpoint_fn fn, void *arg)
{
	a->watch = fn;
	a->watch_arg = arg;
}

/* Before it is done, while both are there. */
static void tell_change(struct assign *a, const struct map sets[KIND_MAX], enum wire_kind k,
			const char *id, const void *now)
{
	if (k == KIND_SEALED) /* has no place in the log */
		a->whole = true;
	if (k == KIND_ENDPOINT && a->watch && sets == a->sets) {
		const void *was = map_get(&sets[k], id);
		if (was || now)
			a->watch(was, now, a->watch_arg);
	}
}

static int item_key(const json_t *item, enum wire_kind *ret_kind, const char **ret_id,
		    struct err *err)
{
	const char *kind = NULL;
	int r = json_need_str(item, "kind", &kind, err);
	if (r == 0)
		r = json_need_str(item, "id", ret_id, err);
	if (r < 0)
		return r;
	*ret_kind = wire_kind_parse(kind);
	if (*ret_kind == KIND_INVALID)
		return err_set(err, -EINVAL, "unknown kind \"%s\"; update the agent", kind);
	return 0;
}

/* The object names itself too, except endpoints' short forms; a controller that mixes ids up must not
 * make one task answer for another. */
static int check_id(enum wire_kind k, const char *id, const void *obj, struct err *err)
{
	const char *own = id;
	switch (k) {
	case KIND_TASK:
		own = ((const struct wire_task *)obj)->id;
		break;
	case KIND_NETWORK:
		own = ((const struct wire_network *)obj)->id;
		break;
	case KIND_ENDPOINT:
		own = ((const struct wire_endpoint *)obj)->id;
		break;
	case KIND_NODE:
		own = ((const struct wire_node *)obj)->id;
		break;
	case KIND_INGRESS:
		own = ((const struct wire_ingress *)obj)->id;
		break;
	case KIND_SEALED:
		own = ((const struct sealed *)obj)->version;
		break;
	case KIND_MAX:
	case KIND_INVALID:
		break;
	}
	if (own && !streq(own, id))
		return err_set(err, -EINVAL, "object \"%s\" calls itself \"%s\"", id, own);
	return 0;
}

static void set_item(struct assign *a, struct map sets[KIND_MAX], const json_t *item)
{
	struct err err = {0};
	enum wire_kind k;
	const char *id = NULL;
	if (item_key(item, &k, &id, &err) < 0) {
		log_error("agent", "an assignment was left out: %s", err_text(&err));
		return;
	}
	void *obj = xcalloc(1, assign_kinds[k].size);
	int r = assign_kinds[k].parse(json_object_get(item, "obj"), obj, &err);
	if (r == 0) {
		r = check_id(k, id, obj, &err);
		if (r == 0) {
			tell_change(a, sets, k, id, obj);
			map_set(&sets[k], id, obj);
			return;
		}
		assign_kinds[k].free_obj(obj);
	} else {
		free(obj); /* outputs are untouched on failure */
	}
	log_error("agent", "the assignment of %s \"%s\" was left out: %s", wire_kind_name(k), id,
		  err_text(&err));
}

static void del_item(struct assign *a, struct map sets[KIND_MAX], const json_t *item)
{
	struct err err = {0};
	enum wire_kind k;
	const char *id = NULL;
	if (item_key(item, &k, &id, &err) < 0) {
		log_error("agent", "an end of assignment was left out: %s", err_text(&err));
		return;
	}
	tell_change(a, sets, k, id, NULL);
	map_del(&sets[k], id);
}

static void apply_items(struct assign *a, struct map sets[KIND_MAX], const json_t *msg)
{
	size_t i;
	json_t *item;
	json_array_foreach(json_object_get(msg, "del"), i, item) del_item(a, sets, item);
	json_array_foreach(json_object_get(msg, "set"), i, item) set_item(a, sets, item);
}

static void unstage(struct assign *a)
{
	for (int k = 0; k < KIND_MAX; k++)
		map_clear(&a->next[k]);
	a->staged = false;
}

/* The snapshot is whole: it takes the place of what was there. */
static void turn_over(struct assign *a)
{
	for (int k = 0; k < KIND_MAX; k++) {
		struct map was = a->sets[k];
		a->sets[k] = a->next[k];
		a->next[k] = was;
	}
	if (a->watch) {
		a->watch(NULL, NULL, a->watch_arg);
		map_each(&a->sets[KIND_ENDPOINT], e) a->watch(NULL, e->val, a->watch_arg);
	}
	unstage(a);
	a->version = a->next_version;
	a->known = true;
	a->whole = true;
	write_soon(a);
}

int assign_apply(struct assign *a, const json_t *msg, struct err *err)
{
	int64_t version = 0;
	int r = json_need_int(msg, "version", 0, INT64_MAX, &version, err);
	if (r < 0)
		return r;
	const json_t *prev = json_object_get(msg, "prev");
	if (!prev || json_is_null(prev)) {
		unstage(a);
		a->staged = true;
	} else {
		int64_t here = a->staged ? a->next_version : a->version;
		if ((!a->known && !a->staged) || json_int(msg, "prev", -1) != here)
			return err_set(err, -ESTALE,
				       "changes after version %lld came, but %lld is here",
				       (long long)json_int(msg, "prev", -1), (long long)here);
	}
	if (a->staged) {
		apply_items(a, a->next, msg);
		a->next_version = version;
		if (!json_bool(msg, "more", false))
			turn_over(a);
		return 0;
	}
	apply_items(a, a->sets, msg);
	a->version = version;
	if (!a->whole)
		assignlog_add(&a->log, msg);
	write_soon(a);
	return 0;
}

int assign_epoch(struct assign *a, int64_t epoch, struct err *err)
{
	if (epoch < a->epoch)
		return err_set(err, -ESTALE,
			       "the controller speaks for epoch %lld, but epoch %lld has begun",
			       (long long)epoch, (long long)a->epoch);
	if (epoch > a->epoch) {
		a->epoch = epoch;
		a->whole = true;
		write_soon(a);
	}
	return 0;
}

/* Is every version here that the tasks name? */
static bool sealed_complete(const struct assign *a)
{
	map_each(&a->sets[KIND_TASK], e)
	{
		const struct spec_service *s = &((const struct wire_task *)e->val)->spec;
		for (size_t i = 0; i < s->n_secrets + s->n_configs; i++) {
			const char *v = i < s->n_secrets ? s->secrets[i].version
							 : s->configs[i - s->n_secrets].version;
			if (v && !assign_sealed(a, v))
				return false;
		}
	}
	return true;
}

/* A change from the log: those that the file has already are passed over. */
static bool again(const json_t *msg, void *arg)
{
	struct assign *a = arg;
	int64_t version = json_int(msg, "version", 0);
	if (version <= a->version)
		return true;
	if (json_int(msg, "prev", -1) != a->version)
		return false;
	apply_items(a, a->sets, msg);
	a->version = version;
	return true;
}

int assign_load(struct assign *a, struct err *err)
{
	struct err inner = {0};
	struct stat st;
	auto_json *root = json_parse_file(a->path, &inner);
	if (!root)
		return err_set(err, inner.code ? inner.code : -EINVAL, "%s", err_text(&inner));
	if (json_int(root, "format", 0) != ASSIGN_FORMAT)
		return err_set(err, -EINVAL, "\"%s\" is of another version of carrack", a->path);
	apply_items(a, a->sets, root);
	a->version = json_int(root, "version", 0);
	a->epoch = json_int(root, "epoch", 0);
	a->known = json_bool(root, "known", false);
	a->file_size = stat(a->path, &st) == 0 ? (size_t)st.st_size : 0;
	/* What was cut by a crash would cut off what is appended: the set is written anew. */
	a->whole = !assignlog_read(&a->log, again, a);
	sealedcache_load(a->sealed, &a->sets[KIND_SEALED]);
	/* 0: what was lost is in the snapshot that the controller sends then. */
	if (!sealed_complete(a))
		a->version = 0;
	return 0;
}

int assign_forget(const char *path, struct err *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "old assignments \"%s\" cannot be removed", path);
	return assignlog_forget(path, err);
}

bool assign_known(const struct assign *a)
{
	return a->known;
}
int64_t assign_version(const struct assign *a)
{
	return a->version;
}
const struct map *assign_tasks(const struct assign *a)
{
	return &a->sets[KIND_TASK];
}
const struct map *assign_networks(const struct assign *a)
{
	return &a->sets[KIND_NETWORK];
}
const struct map *assign_endpoints(const struct assign *a)
{
	return &a->sets[KIND_ENDPOINT];
}
const struct map *assign_nodes(const struct assign *a)
{
	return &a->sets[KIND_NODE];
}
const struct map *assign_ingress(const struct assign *a)
{
	return &a->sets[KIND_INGRESS];
}
const struct sealed *assign_sealed(const struct assign *a, const char *version)
{
	return map_get(&a->sets[KIND_SEALED], version);
}
