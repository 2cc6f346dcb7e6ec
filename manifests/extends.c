/* SPDX-License-Identifier: Apache-2.0
 * `extends` and `include`; see extends.h. */
#include "manifests/extends.h"
#include "manifests/check.h"
#include "manifests/dotenv.h"
#include "manifests/limits.h"
#include "manifests/words.h"

#include <string.h>

#define DEPTH_MAX 32 /* of files that include or extend others */

struct extend { /* one file whose services are looked at */
	struct project *p;
	struct node *services;
	const char *dir; /* base of its paths */
	const struct kvlist *env;
};

static struct node *service_resolve(struct extend *e, struct node_pair *pair);

static struct node *without(struct shape *x, const struct node *map, const char *key)
{
	struct node *out = shape_node(x, NODE_MAP, map);
	out->tag = map->tag;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->pairs[i].key, key) != 0)
			node_put(out, map->pairs[i]);
	return out;
}

/* The canonical root of another file, read once. */
static struct node *other_file(struct extend *e, const struct node *at, const char *path)
{
	struct project *p = e->p;
	struct node *root = map_get(&p->files, path);
	struct stackfile_source s;
	if (root)
		return root;
	if (!sources_source(p, at, path, &s))
		return NULL;
	root = sources_parse(p, &s, e->env, false);
	if (!root)
		return NULL;
	if (root->kind != NODE_MAP) {
		sources_error(p, at, "the file '%.200s' has no services", path);
		return NULL;
	}
	auto_free char *dir = sources_folder(path);
	const char *before = p->shape.dir;
	p->shape.dir = dir;
	root = shape_record(&p->shape, &record_top, root);
	p->shape.dir = before;
	map_set(&p->files, path, root);
	return root;
}

static struct node *base_service(struct extend *e, const struct node *ext, const char *name)
{
	const struct node_pair *file = node_find(ext, "file");
	struct extend other = *e;
	auto_free char *path = NULL, *dir = NULL;
	if (file && node_is_scalar(file->value)) {
		const char *text = file->value->text;
		auto_free char *full = text[0] == '/' || !e->dir ? xstrdup(text)
								 : xasprintf("%s/%s", e->dir, text);
		path = full[0] == '/' ? path_clean(full) : xstrdup(full);
		struct node *root = other_file(e, file->value, path);
		if (!root)
			return NULL;
		dir = sources_folder(path);
		other.dir = dir;
		other.services = (struct node *)node_child(root, "services");
	}
	struct node_pair *pair = (struct node_pair *)node_find(other.services, name);
	if (!pair || other.services->kind != NODE_MAP) {
		sources_error(e->p, ext, "there is no service '%.100s' to extend%s%.200s", name,
			      path ? " in " : "", path ? path : "");
		return NULL;
	}
	if (path && pair->value->kind == NODE_MAP)
		check_written(&(struct check){e->p->d, path, &e->p->t, e->p->in->no_interpolate},
			      &record_service, pair->value);
	return service_resolve(&other, pair);
}

/* The service of pair with all that it extends; NULL after an error. */
static struct node *service_resolve(struct extend *e, struct node_pair *pair)
{
	const struct node_pair *ext = node_find(pair->value, "extends");
	if (!ext)
		return pair->value;
	const struct node_pair *name = node_find(ext->value, "service");
	struct project *p = e->p;
	if (!name || !node_is_scalar(name->value)) {
		sources_error(p, ext->value, "'extends' needs 'service', the service to build on");
		return NULL;
	}
	if (p->depth >= DEPTH_MAX) {
		sources_error(p, ext->value, "'extends' goes round in a circle, or deeper than %d",
			      DEPTH_MAX);
		return NULL;
	}
	p->depth++;
	struct node *base = base_service(e, ext->value, name->value->text);
	p->depth--;
	if (!base || !sources_room(p, ext->value))
		return NULL;
	struct node *own = without(&p->shape, pair->value, "extends");
	pair->value = shape_merge(&p->shape, &record_service, base, own);
	return pair->value;
}

/* Every service of root (canonical) that extends another becomes both merged. */
static void extends_resolve(struct project *p, struct node *root, const struct kvlist *env)
{
	struct extend e = {.p = p, .env = env, .dir = p->shape.dir};
	e.services = (struct node *)node_child(root, "services");
	for (size_t i = 0; e.services->kind == NODE_MAP && i < e.services->n; i++)
		if (!service_resolve(&e, &e.services->pairs[i]) && !sources_room(p, root))
			return;
}

static char *absolute(const char *dir, const char *text)
{
	auto_free char *full =
		text[0] == '/' || !dir ? xstrdup(text) : xasprintf("%s/%s", dir, text);
	return full[0] == '/' ? path_clean(full) : xstrdup(full);
}

/* Variables of an included project: its own .env or env_file, below those that are set. */
static void include_env(struct project *p, const struct node *item, const char *dir,
			const char *base, const struct kvlist *env, struct kvlist *out)
{
	const struct node *list = node_child(item, "env_file");
	auto_free char *own = xasprintf("%s/.env", dir);
	size_t n = list->kind == NODE_SEQ ? list->n : 1;
	for (size_t i = 0; i < n; i++) {
		struct stackfile_source s;
		char *text = NULL;
		size_t len = 0;
		if (list->kind == NODE_SEQ) {
			auto_free char *path = absolute(base, list->items[i]->text);
			if (sources_source(p, list->items[i], path, &s))
				dotenv_parse(s.file, s.text, s.len, env, out, p->d);
			continue;
		}
		if (p->in->read && p->in->read(own, &text, &len, p->in->read_arg) == 0)
			dotenv_parse(own, text, len, env, out, p->d);
		free(text);
	}
	if (env)
		kvlist_copy(out, env);
}

/* One entry of `include`: its files merged, with their own folder and variables. */
static struct node *include_one(struct project *p, const struct node *item, const char *base,
				const struct kvlist *env)
{
	const struct node *paths = node_child(item, "path");
	const struct node_pair *own = node_find(item, "project_directory");
	if (item->kind != NODE_MAP || paths->kind != NODE_SEQ || paths->n == 0) {
		sources_error(p, item, "'include' takes files, or mappings with 'path'");
		return NULL;
	}
	auto_free struct stackfile_source *files = xcalloc(paths->n, sizeof(*files));
	auto_free char *first = absolute(base, paths->items[0]->text);
	auto_free char *dir = own && node_is_scalar(own->value) ? absolute(base, own->value->text)
								: sources_folder(first);
	for (size_t i = 0; i < paths->n; i++) {
		auto_free char *path = absolute(base, paths->items[i]->text);
		if (!sources_source(p, paths->items[i], path, &files[i]))
			return NULL;
	}
	if (p->depth >= DEPTH_MAX || map_has(&p->included, first)) {
		sources_error(p, item, "'include' goes round in a circle, or deeper than %d",
			      DEPTH_MAX);
		return NULL;
	}
	struct kvlist vars = {0};
	include_env(p, item, dir, base, env, &vars);
	map_set(&p->included, first, p);
	p->depth++;
	struct node *root = extends_model(p, files, paths->n, dir, &vars);
	p->depth--;
	map_del(&p->included, first);
	kvlist_done(&vars);
	return root;
}

/* What a file includes must not be there already, unless it is the same. */
static void conflicts_check(struct project *p, const struct node *at, const struct node *all,
			    const struct node *one)
{
	static const char *const kinds[] = {"services", "volumes", "networks", "secrets",
					    "configs"};
	for (size_t k = 0; all && k < ARRAY_LEN(kinds); k++) {
		const struct node_pair *a = node_find(all, kinds[k]), *b = node_find(one, kinds[k]);
		for (size_t i = 0; a && b && b->value->kind == NODE_MAP && i < b->value->n; i++) {
			const struct node_pair *new = &b->value->pairs[i];
			const struct node_pair *old = node_find(a->value, new->key);
			if (old && !shape_equal(old->value, new->value))
				sources_error(
					p, at,
					"'%s.%.100s' is there already (line %d); an included "
					"file cannot change it: name both files in one 'path', "
					"or override it with another -f",
					kinds[k], new->key, old->line);
		}
	}
}

/* root with what its `include` names merged below it. */
static struct node *include_resolve(struct project *p, struct node *root, const char *dir,
				    const struct kvlist *env)
{
	const struct node_pair *list = node_find(root, "include");
	if (!list)
		return root;
	struct node *own = without(&p->shape, root, "include");
	if (list->value->kind != NODE_SEQ) {
		sources_error(p, list->value, "'include' must be a list of files");
		return own;
	}
	struct node *all = NULL;
	for (size_t i = 0; i < list->value->n; i++) {
		struct node *one = include_one(p, list->value->items[i], dir, env);
		if (one && one->kind == NODE_MAP)
			one = without(&p->shape, one, "name");
		if (one && one->kind == NODE_MAP) {
			conflicts_check(p, list->value->items[i], all, one);
			conflicts_check(p, list->value->items[i], own, one);
			all = all ? shape_merge(&p->shape, &record_top, all, one) : one;
		}
		if (!sources_room(p, list->value))
			return own;
	}
	return all ? shape_merge(&p->shape, &record_top, all, own) : own;
}

/* What a document means by itself, merged over *all; false: no more can be read. A document that is
 * no mapping is *all, to be refused. */
static bool model_add(struct project *p, struct node *root, const char *dir,
		      const struct kvlist *env, struct node **all)
{
	if (root->kind == NODE_NULL)
		return true;
	if (root->kind != NODE_MAP) {
		*all = root;
		return false;
	}
	const char *before = p->shape.dir;
	p->shape.dir = dir;
	struct node *shaped = shape_record(&p->shape, &record_top, root);
	extends_resolve(p, shaped, env);
	shaped = include_resolve(p, shaped, dir, env);
	p->shape.dir = before;
	if (!sources_room(p, root)) {
		*all = NULL;
		return false;
	}
	*all = *all ? shape_merge(&p->shape, &record_top, *all, shaped) : shaped;
	return true;
}

struct node *extends_model(struct project *p, const struct stackfile_source *files, size_t n,
			   const char *dir, const struct kvlist *env)
{
	struct node *all = NULL;
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;
		do {
			struct stackfile_source s;
			bool several = sources_document(&files[i], &at, &s);
			struct node *root = take_ptr(p->first);
			if (several && ++p->documents > LIMIT_YAML_DOCUMENTS) {
				struct node end = {.file = s.file, .line = s.lines + 1};
				sources_error(p, &end, "there are more than %d documents",
					      LIMIT_YAML_DOCUMENTS);
				return NULL;
			}
			if (!root)
				root = sources_parse(p, &s, env, true);
			if (!root)
				return NULL;
			if (!model_add(p, root, dir, env, &all))
				return all;
		} while (at < files[i].len);
	}
	return all ? all : tree_add(&p->t, NODE_NULL, 1, 1);
}
