/* SPDX-License-Identifier: Apache-2.0
 * Keys that belong together; see consist.h. What carrack honours is checked where it is decoded. */
#include "manifests/consist.h"

#include <string.h>

struct consist {
	struct project *p;
	const struct node *root;
};

static const struct node *section(const struct node *map, const char *key)
{
	const struct node_pair *p = node_find(map, key);
	return p ? p->value : NULL;
}

static const char *text_at(const struct node *map, const char *key)
{
	const struct node *v = map ? section(map, key) : NULL;
	return v && node_is_scalar(v) ? v->text : NULL;
}

static bool declared(const struct consist *c, const char *kind, const char *name)
{
	const struct node *all = section(c->root, kind);
	return all && node_find(all, name);
}

static const struct node *service_named(const struct consist *c, const char *name)
{
	const struct node *all = section(c->root, "services");
	return all ? section(all, name) : NULL;
}

static void exclude(struct consist *c, const struct node *map, const char *a, const char *b)
{
	const struct node_pair *p = node_find(map, a), *q = node_find(map, b);
	struct node at = {0};
	if (!p || !q || p->value->kind == NODE_NULL || q->value->kind == NODE_NULL)
		return;
	at = (struct node){.file = q->value->file, .line = q->line, .column = q->column};
	sources_error(c->p, &at, "'%s' and '%s' exclude each other; keep one", a, b);
}

static bool list_has(const struct node *list, const char *text)
{
	for (size_t i = 0; list->kind == NODE_SEQ && i < list->n; i++)
		if (node_is_scalar(list->items[i]) && streq(list->items[i]->text, text))
			return true;
	return false;
}

/* Named contexts may be what another service builds. */
static void contexts_check(struct consist *c, const struct node *contexts)
{
	const char prefix[] = "service:";
	for (size_t i = 0; i < contexts->n; i++) {
		const struct node *v = contexts->kind == NODE_SEQ   ? contexts->items[i]
				       : contexts->kind == NODE_MAP ? contexts->pairs[i].value
								    : contexts;
		const char *text = node_is_scalar(v) ? v->text : "";
		if (contexts->kind == NODE_SEQ)
			text += strcspn(text, "=") + (strchr(text, '=') != NULL);
		if (!str_starts(text, prefix))
			continue;
		const char *name = text + sizeof(prefix) - 1;
		const struct node *service = service_named(c, name);
		if (!service)
			sources_error(c->p, v, "there is no service '%.100s' to build on", name);
		else if (!node_find(service, "build"))
			sources_error(
				c->p, v,
				"the service '%.100s' is not built, so nothing can build on it",
				name);
	}
}

static void build_check(struct consist *c, const struct node *service, const struct node *build)
{
	const struct node *platforms = section(build, "platforms"),
			  *secrets = section(build, "secrets");
	const struct node *contexts = section(build, "additional_contexts");
	const char *platform = text_at(service, "platform");
	if (*(text_at(build, "dockerfile_inline") ? text_at(build, "dockerfile_inline") : ""))
		exclude(c, build, "dockerfile", "dockerfile_inline");
	if (platform && *platform && platforms && platforms->n > 0 &&
	    !list_has(platforms, platform))
		sources_error(c->p, platforms,
			      "'build.platforms' must have the service's 'platform', '%.100s', too",
			      platform);
	if (contexts)
		contexts_check(c, contexts);
	for (size_t i = 0; secrets && secrets->kind == NODE_SEQ && i < secrets->n; i++) {
		const struct node *item = secrets->items[i];
		const char *source = node_is_scalar(item) ? item->text : text_at(item, "source");
		if (source && !declared(c, "secrets", source))
			sources_error(
				c->p, item,
				"'%.100s' is not there; declare it under the top-level 'secrets'",
				source);
	}
}

static void watch_check(struct consist *c, const struct node *develop)
{
	const struct node *list = section(develop, "watch");
	for (size_t i = 0; list && list->kind == NODE_SEQ && i < list->n; i++) {
		const struct node *item = list->items[i];
		const char *action = text_at(item, "action"), *target = text_at(item, "target");
		bool copies = action && !streq(action, "rebuild") && !streq(action, "restart");
		if (copies && !(target && *target))
			sources_error(c->p, item,
				      "the action '%.50s' needs 'target', where files go", action);
		const char *path = text_at(item, "path");
		if (path && !*path)
			sources_error(c->p, section(item, "path"), "'path' must not be empty");
	}
}

static void devices_check(struct consist *c, const struct node *list)
{
	for (size_t i = 0; list && list->kind == NODE_SEQ && i < list->n; i++)
		exclude(c, list->items[i], "count", "device_ids");
}

static void models_check(struct consist *c, const struct node *service)
{
	const struct node *models = section(service, "models");
	for (size_t i = 0; models && i < models->n; i++) {
		const char *name = models->kind == NODE_MAP           ? models->pairs[i].key
				   : node_is_scalar(models->items[i]) ? models->items[i]->text
								      : NULL;
		if (name && !declared(c, "models", name))
			sources_error(c->p, models,
				      "the model '%.100s' is not there; declare it under the "
				      "top-level 'models'",
				      name);
	}
}

static void service_consist(struct consist *c, const struct node *service)
{
	const struct node *build = section(service, "build"),
			  *develop = section(service, "develop");
	const struct node *deploy = section(service, "deploy");
	const struct node *resources = deploy ? section(deploy, "resources") : NULL;
	const struct node *reservations = resources ? section(resources, "reservations") : NULL;
	if (build && build->kind == NODE_MAP)
		build_check(c, service, build);
	if (develop && develop->kind == NODE_MAP)
		watch_check(c, develop);
	devices_check(c, section(service, "gpus"));
	if (reservations)
		devices_check(c, section(reservations, "devices"));
	models_check(c, service);
}

/* external: {name: X}, the old way, beside a name that is another one */
static void external_check(struct consist *c, const struct node *of)
{
	const struct node *external = section(of, "external");
	const char *old = external && external->kind == NODE_MAP ? text_at(external, "name") : NULL;
	const char *name = text_at(of, "name");
	if (old && name && !streq(old, name))
		sources_error(c->p, external, "'external.name' is not 'name'; keep 'name' alone");
}

static void resources_check(struct consist *c)
{
	static const char *const kinds[] = {"networks", "volumes", "configs", "secrets"};
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		const struct node *all = section(c->root, kinds[k]);
		for (size_t i = 0; all && all->kind == NODE_MAP && i < all->n; i++) {
			const struct node *one = all->pairs[i].value;
			external_check(c, one);
			exclude(c, one, "file", "environment");
			exclude(c, one, "file", "content");
			exclude(c, one, "environment", "content");
		}
	}
}

void consist_check(struct project *p, const struct node *root)
{
	struct consist c = {p, root};
	const struct node *services = section(root, "services");
	if (p->in->no_consistency)
		return;
	for (size_t i = 0; services && services->kind == NODE_MAP && i < services->n; i++)
		if (!services->pairs[i].value->broken)
			service_consist(&c, services->pairs[i].value);
	resources_check(&c);
}
