/* SPDX-License-Identifier: Apache-2.0
 * The canonical tree as data; see config.h. */
#include "manifests/config.h"
#include "base/num.h"
#include "manifests/plain.h"
#include "manifests/shape.h"

#include <string.h>

/* A whole number, in whatever base it is written (below `x-`, and where any value may stand). */
static json_t *int_json(const char *written)
{
	auto_free char *decimal = plain_text(NODE_INT, written);
	int64_t whole;
	if (num_parse_i64(decimal ? decimal : written, INT64_MIN, INT64_MAX, &whole))
		return json_integer(whole);
	return json_string(written);
}

json_t *node_json(const struct node *n)
{
	double real;
	json_t *j;
	switch (n->kind) {
	case NODE_NULL:
		return json_null();
	case NODE_BOOL:
		return json_boolean((n->text[0] | 0x20) == 't');
	case NODE_INT:
		return int_json(n->text);
	case NODE_FLOAT:
		if (num_parse_double(n->text, &real) && (j = json_real(real)))
			return j;
		return json_string(n->text);
	case NODE_STR:
		return json_string(n->text);
	case NODE_SEQ:
		j = json_array();
		for (size_t i = 0; i < n->n; i++)
			json_array_append_new(j, node_json(n->items[i]));
		return j;
	case NODE_MAP:
		j = json_object();
		for (size_t i = 0; i < n->n; i++)
			json_object_set_new(j, n->pairs[i].key, node_json(n->pairs[i].value));
		return j;
	}
	return json_null();
}

/* Keys without a value get the environment's. */
static void fill_environment(json_t *service, const char *stack, const struct kvlist *env)
{
	json_t *vars = json_object_get(service, "environment"), *v;
	const char *k;
	void *next;
	json_object_foreach_safe(vars, next, k, v)
	{
		const char *value = env && json_is_null(v) ? kvlist_get(env, k) : NULL;
		if (!value && json_is_null(v) && streq(k, "COMPOSE_PROJECT_NAME"))
			value = stack;
		if (value)
			json_object_set_new(vars, k, json_string(value));
	}
}

static json_t *dependency(bool restart)
{
	json_t *j = json_object();
	json_put_str(j, "condition", "service_started");
	if (restart)
		json_object_set_new(j, "restart", json_true());
	json_object_set_new(j, "required", json_true());
	return j;
}

static void depend(json_t *service, const char *name, size_t len, bool restart)
{
	auto_free char *key = xstrndup(name, len);
	json_t *all = json_object_get(service, "depends_on");
	if (!all) {
		all = json_object();
		json_object_set_new(service, "depends_on", all);
	}
	if (json_is_object(all) && !json_object_get(all, key))
		json_object_set_new(all, key, dependency(restart));
}

/* Who shares something of another service needs it to run. */
static void imply_dependencies(json_t *service)
{
	static const char *const shares[] = {"network_mode", "ipc", "pid", "uts", "cgroup"};
	json_t *item;
	size_t i;
	for (i = 0; i < ARRAY_LEN(shares); i++) {
		const char *text = json_str(service, shares[i]);
		if (text && str_starts(text, "service:"))
			depend(service, text + 8, strlen(text + 8), true);
	}
	json_array_foreach(json_object_get(service, "links"), i, item)
	{
		const char *text = json_string_value(item);
		if (text)
			depend(service, text, strcspn(text, ":"), true);
	}
	json_array_foreach(json_object_get(service, "volumes_from"), i, item)
	{
		const char *text = json_string_value(item);
		if (text && !str_starts(text, "container:"))
			depend(service, text, strcspn(text, ":"), false);
	}
}

/* A file that must be there is written as its path alone. */
static void shorten_env_files(json_t *service)
{
	json_t *list = json_object_get(service, "env_file"), *item;
	size_t i;
	json_array_foreach(list, i, item)
	{
		const char *path = json_str(item, "path");
		if (path && json_bool(item, "required", true) && !json_object_get(item, "format"))
			json_array_set_new(list, i, json_string(path));
	}
}

static void name_targets(json_t *service)
{
	json_t *item;
	size_t i;
	json_array_foreach(json_object_get(service, "secrets"), i, item)
	{
		const char *source = json_str(item, "source");
		if (source && !json_str(item, "target"))
			json_object_set_new(item, "target",
					    json_sprintf("/run/secrets/%s", source));
	}
}

static void add_file_variables(json_t *service, const struct kvlist *all)
{
	json_t *vars = json_object_get(service, "environment");
	if (!all)
		return;
	if (!vars) {
		vars = json_object();
		json_object_set_new(service, "environment", vars);
	}
	for (size_t i = 0; i < all->n; i++) {
		const struct kv *kv = &all->v[i];
		if (!json_object_get(vars, kv->k))
			json_object_set_new(vars, kv->k, kv->v ? json_string(kv->v) : json_null());
	}
}

/* `scale` is the old name of deploy.replicas, which is what reads the file. */
static void copy_scale(json_t *service)
{
	json_t *scale = json_object_get(service, "scale");
	json_t *deploy = json_object_get(service, "deploy");
	if (scale && json_is_object(deploy) && !json_object_get(deploy, "replicas"))
		json_object_set(deploy, "replicas", scale);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a),
		      json_string_value(*(json_t *const *)b));
}

/* The lines of /etc/hosts in order: they are a set. */
static void sort_hosts(json_t *of)
{
	json_t *list = json_object_get(of, "extra_hosts"), *item;
	size_t n = json_array_size(list), i;
	auto_free json_t **v = xcalloc(n + 1, sizeof(*v));
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return;
		v[i] = item;
	}
	qsort(v, n, sizeof(*v), by_text);
	json_t *sorted = json_array();
	for (i = 0; i < n; i++)
		json_array_append(sorted, v[i]);
	if (n > 1)
		json_object_set(of, "extra_hosts", sorted);
	json_decref(sorted);
}

static void service_finish(json_t *service, const struct kvlist *file_vars, const char *stack,
			   const struct kvlist *env)
{
	json_t *networks = json_object_get(service, "networks");
	bool none = !networks || json_object_size(networks) == 0;
	json_object_del(service, "extends");
	fill_environment(service, stack, env);
	imply_dependencies(service);
	add_file_variables(service, file_vars);
	copy_scale(service);
	shorten_env_files(service);
	name_targets(service);
	sort_hosts(service);
	sort_hosts(json_object_get(service, "build"));
	if (none && !json_object_get(service, "network_mode") &&
	    !json_object_get(service, "provider")) {
		networks = json_object();
		json_object_set_new(networks, "default", json_null());
		json_object_set_new(service, "networks", networks);
	}
}

static void name_resources(json_t *root, const char *key, const char *stack)
{
	json_t *all = json_object_get(root, key), *one;
	const char *k;
	void *next;
	json_object_foreach_safe(all, next, k, one)
	{
		if (!json_is_object(one)) {
			json_object_set_new(all, k, json_object());
			one = json_object_get(all, k);
		}
		if (!json_str(one, "name"))
			json_object_set_new(one, "name",
					    json_bool(one, "external", false)
						    ? json_string(k)
						    : json_sprintf("%s_%s", stack, k));
	}
}

static void put_default_network(json_t *root)
{
	json_t *networks = json_object_get(root, "networks");
	if (!json_is_object(networks)) {
		networks = json_object();
		json_object_set_new(root, "networks", networks);
	}
	if (!json_object_get(networks, "default"))
		json_object_set_new(networks, "default", json_object());
}

/* A config out of the environment has its content written out; a secret never has. */
static void fill_configs(json_t *root, const struct kvlist *env)
{
	const char *k;
	json_t *one;
	json_object_foreach(json_object_get(root, "configs"), k, one)
	{
		const char *name = json_str(one, "environment");
		const char *value = name && env ? kvlist_get(env, name) : NULL;
		if (value)
			json_object_set_new(one, "content", json_string(value));
	}
}

static void free_vars(void *vars)
{
	kvlist_done(vars);
	free(vars);
}

/* What env_file gave is in the typed services: name -> kvlist, of those that name such files. */
static void take_file_variables(const struct node *root, struct spec_stack *stack, struct map *ret)
{
	const struct node *services = node_child(root, "services");
	struct map typed = {0};
	ret->free_val = free_vars;
	for (size_t i = 0; i < stack->n_services; i++)
		map_set(&typed, stack->services[i].name, &stack->services[i]);
	for (size_t i = 0; services->kind == NODE_MAP && i < services->n; i++) {
		const struct node_pair *p = &services->pairs[i];
		const struct node_pair *files = node_find(p->value, "env_file");
		struct spec_service *s = map_get(&typed, p->key);
		if (!s || !files || files->value->kind != NODE_SEQ || files->value->n == 0)
			continue;
		map_set(ret, p->key, xmemdup(&s->environment, sizeof(s->environment)));
		s->environment = (struct kvlist){0};
	}
	map_clear(&typed);
}

json_t *config_plain_json(const struct node *root, const char *name)
{
	json_t *j = node_json(root);
	json_object_set_new(j, "name", json_string(name));
	return j;
}

json_t *config_json(const struct node *root, struct spec_stack *stack_taken,
		    const struct stackfile_input *in, bool uses_default)
{
	static const char *const resources[] = {"networks", "volumes", "configs", "secrets"};
	auto_free char *name = take_ptr(stack_taken->name);
	struct map file_vars = {0};
	if (!in->no_env_files)
		take_file_variables(root, stack_taken, &file_vars);
	spec_stack_free(stack_taken); /* it is large: gone before the next large thing comes */
	json_t *j = node_json(root), *service;
	const char *k;
	json_object_del(j, "version");
	json_object_set_new(j, "name", json_string(name));
	json_object_foreach(json_object_get(j, "services"), k, service)
	{
		if (json_is_object(service))
			service_finish(service, map_get(&file_vars, k), name, in->env);
	}
	map_clear(&file_vars);
	if (uses_default)
		put_default_network(j);
	for (size_t i = 0; i < ARRAY_LEN(resources); i++)
		name_resources(j, resources[i], name);
	fill_configs(j, in->env);
	return j;
}
