/* SPDX-License-Identifier: Apache-2.0
 * The assignment set and its file. Knows no containers. */
#include "agent/core/assign.h"
#include "agent/core/sealedcache.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include <errno.h>
#include <string.h>

#define ASSIGN_FORMAT 1

struct assign {
	char *path;
	struct sealedcache *sealed;
	struct timer *write;
	struct map sets[KIND_MAX];
	int64_t version, epoch;
	bool known;
};

static void free_task(void *p)
{
	wire_task_done(p);
	free(p);
}
static void free_network(void *p)
{
	wire_network_done(p);
	free(p);
}
static void free_endpoint(void *p)
{
	wire_endpoint_done(p);
	free(p);
}
static void free_sealed(void *p)
{
	sealed_done(p);
	free(p);
}
static void free_node(void *p)
{
	wire_node_done(p);
	free(p);
}

static void free_ingress(void *p)
{
	wire_ingress_done(p);
	free(p);
}

typedef int (*parse_fn)(const json_t *j, void *out, struct err *err);
static int parse_task(const json_t *j, void *out, struct err *err)
{
	return wire_task_parse(j, out, err);
}
static int parse_network(const json_t *j, void *out, struct err *err)
{
	return wire_network_parse(j, out, err);
}
static int parse_endpoint(const json_t *j, void *out, struct err *err)
{
	return wire_endpoint_parse(j, out, err);
}
static int parse_sealed(const json_t *j, void *out, struct err *err)
{
	return sealed_parse(j, out, err);
}
static int parse_node(const json_t *j, void *out, struct err *err)
{
	return wire_node_parse(j, out, err);
}
static int parse_ingress(const json_t *j, void *out, struct err *err)
{
	return wire_ingress_parse(j, out, err);
}

typedef json_t *(*json_fn)(const void *obj);
static json_t *task_json(const void *p)
{
	return wire_task_json(p);
}
static json_t *network_json(const void *p)
{
	return wire_network_json(p);
}
static json_t *endpoint_json(const void *p)
{
	return wire_endpoint_json(p);
}
static json_t *sealed_text(const void *p)
{
	return sealed_json(p);
}
static json_t *node_json(const void *p)
{
	return wire_node_json(p);
}
static json_t *ingress_json(const void *p)
{
	return wire_ingress_json(p);
}

static const struct kind_ops {
	size_t size;
	void (*free_obj)(void *p);
	parse_fn parse;
	json_fn json;
} kinds[KIND_MAX] = {
	[KIND_TASK] = {sizeof(struct wire_task), free_task, parse_task, task_json},
	[KIND_NETWORK] = {sizeof(struct wire_network), free_network, parse_network, network_json},
	[KIND_ENDPOINT] = {sizeof(struct wire_endpoint), free_endpoint, parse_endpoint,
			   endpoint_json},
	[KIND_NODE] = {sizeof(struct wire_node), free_node, parse_node, node_json},
	[KIND_INGRESS] = {sizeof(struct wire_ingress), free_ingress, parse_ingress, ingress_json},
	[KIND_SEALED] = {sizeof(struct sealed), free_sealed, parse_sealed, sealed_text},
};

static int write_rows(struct assign *a, struct err *err)
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
			json_object_set_new(item, "obj", kinds[k].json(e->val));
			json_array_append_new(set, item);
		}
	}
	json_object_set_new(root, "set", set);
	auto_free char *text = json_text(root);
	return file_write_atomic(a->path, text, strlen(text), 0600, err);
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
		a->sets[k].free_val = kinds[k].free_obj;
	return a;
}

void assign_free(struct assign *a)
{
	if (!a)
		return;
	if (timer_is_set(a->write))
		write_now(a);
	timer_free(a->write);
	for (int k = 0; k < KIND_MAX; k++)
		map_clear(&a->sets[k]);
	sealedcache_free(a->sealed);
	free(a->path);
	free(a);
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

static void set_item(struct map sets[KIND_MAX], const json_t *item)
{
	struct err err = {0};
	enum wire_kind k;
	const char *id = NULL;
	if (item_key(item, &k, &id, &err) < 0) {
		log_error("agent", "an assignment was left out: %s", err_text(&err));
		return;
	}
	void *obj = xcalloc(1, kinds[k].size);
	int r = kinds[k].parse(json_object_get(item, "obj"), obj, &err);
	if (r == 0) {
		r = check_id(k, id, obj, &err);
		if (r == 0) {
			map_set(&sets[k], id, obj);
			return;
		}
		kinds[k].free_obj(obj);
	} else {
		free(obj); /* outputs are untouched on failure */
	}
	log_error("agent", "the assignment of %s \"%s\" was left out: %s", wire_kind_name(k), id,
		  err_text(&err));
}

static void del_item(struct map sets[KIND_MAX], const json_t *item)
{
	struct err err = {0};
	enum wire_kind k;
	const char *id = NULL;
	if (item_key(item, &k, &id, &err) < 0)
		log_error("agent", "an end of assignment was left out: %s", err_text(&err));
	else
		map_del(&sets[k], id);
}

static void apply_items(struct assign *a, const json_t *msg)
{
	size_t i;
	json_t *item;
	json_array_foreach(json_object_get(msg, "del"), i, item) del_item(a->sets, item);
	json_array_foreach(json_object_get(msg, "set"), i, item) set_item(a->sets, item);
}

int assign_apply(struct assign *a, const json_t *msg, struct err *err)
{
	int64_t version = 0;
	int r = json_need_int(msg, "version", 0, INT64_MAX, &version, err);
	if (r < 0)
		return r;
	const json_t *prev = json_object_get(msg, "prev");
	if (!prev || json_is_null(prev)) {
		for (int k = 0; k < KIND_MAX; k++)
			map_clear(&a->sets[k]);
	} else if (!a->known || json_int(msg, "prev", -1) != a->version) {
		return err_set(err, -ESTALE, "changes after version %lld came, but %lld is here",
			       (long long)json_int(msg, "prev", -1), (long long)a->version);
	}
	apply_items(a, msg);
	a->version = version;
	a->known = true;
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

int assign_load(struct assign *a, struct err *err)
{
	struct err inner = {0};
	auto_json *root = json_parse_file(a->path, &inner);
	if (!root)
		return err_set(err, inner.code ? inner.code : -EINVAL, "%s", err_text(&inner));
	if (json_int(root, "format", 0) != ASSIGN_FORMAT)
		return err_set(err, -EINVAL, "\"%s\" is of another version of carrack", a->path);
	apply_items(a, root);
	sealedcache_load(a->sealed, &a->sets[KIND_SEALED]);
	/* 0: what was lost is in the snapshot that the controller sends then. */
	a->version = sealed_complete(a) ? json_int(root, "version", 0) : 0;
	a->epoch = json_int(root, "epoch", 0);
	a->known = json_bool(root, "known", false);
	return 0;
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
