/* SPDX-License-Identifier: Apache-2.0
 * Stacks as operators put, scale and remove them. */
#include "controller/core/cluster.h"
#include "controller/core/depends.h"
#include "controller/core/joins.h"
#include "controller/core/secrets.h"
#include "manifests/canon.h"
#include "manifests/limits.h"

#include <errno.h>
#include <string.h>

#define STACKS_MAX 100000

struct stack *stack_new(struct cluster *c, const char *name)
{
	struct stack *s = xcalloc(1, sizeof(*s));
	s->name = xstrdup(name);
	s->marked = NO_MARK;
	s->services.free_val = service_free;
	s->planned.free_val = free;
	map_set(&c->stacks, name, s);
	return s;
}

void stack_free(void *p)
{
	struct stack *s = p;
	if (!s)
		return;
	map_clear(&s->services);
	map_clear(&s->nets);
	map_clear(&s->planned);
	kvlist_done(&s->pinned);
	spec_stack_free(s->spec);
	free(s->name);
	free(s->text);
	free(s);
}

void stack_mark(struct cluster *c, struct stack *s)
{
	marks_add(&c->stacks_marked, s, &s->marked);
}

static void event(struct cluster *c, const struct stack *s, const char *type, const char *text)
{
	struct event_of of = {.type = type, .stack = s->name};
	cluster_event(c, &of, "%s", text);
}

void stack_settle(struct cluster *c, struct stack *s)
{
	if (!s->removing || s->services.n || s->nets.n)
		return;
	event(c, s, "stack_removed", "was removed");
	cluster_put(c, "stacks", s->name, NULL);
	secrets_count_stack(c, s->spec, false);
	marks_del(&c->stacks_marked, &s->marked);
	auto_free char *name = xstrdup(s->name);
	map_del(&c->stacks, name);
}

void stack_apply(struct cluster *c, struct stack *s, const struct strlist *changed)
{
	network_sync_stack(c, s);
	for (size_t i = 0; !s->removing && i < s->spec->n_services; i++) {
		const struct spec_service *spec = &s->spec->services[i];
		struct service *svc = service_get(s, spec->name);
		service_set_spec(c, svc, spec, !changed || strlist_has(changed, spec->name));
	}
	map_each(&s->services, e)
	{
		struct service *svc = e->val;
		if (s->removing || !spec_find_service(s->spec, svc->name))
			service_set_spec(c, svc, NULL, true);
	}
	depends_link(s);
	joins_link(c, s);
	stack_mark(c, s);
}

/* Name -> canonical text of each service of a stack. */
static void service_texts(const struct spec_stack *spec, struct map *out)
{
	out->free_val = free;
	for (size_t i = 0; spec && i < spec->n_services; i++) {
		auto_json *j = canon_service(&spec->services[i]);
		map_set(out, spec->services[i].name, json_text_canonical(j));
	}
}

static void note(json_t *answer, const char *list, const char *name)
{
	json_array_append_new(json_object_get(answer, list), json_string(name));
}

static json_t *new_answer(bool changed)
{
	static const char *const lists[] = {"created", "updated", "removed", "unchanged"};
	json_t *j = json_object();
	json_put_bool(j, "changed", changed);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		json_object_set_new(j, lists[i], json_array());
	return j;
}

/* What differs between two versions; names of created and updated ones go to changed too. */
static json_t *compare(const struct spec_stack *old, const struct spec_stack *next,
		       struct strlist *changed)
{
	struct map before = {0}, after = {0};
	json_t *answer = new_answer(true);
	service_texts(old, &before);
	service_texts(next, &after);
	map_each(&after, e)
	{
		const char *was = map_get(&before, e->key);
		const char *list = !was ? "created" : streq(was, e->val) ? "unchanged" : "updated";
		note(answer, list, e->key);
		if (!streq(list, "unchanged"))
			strlist_add(changed, e->key);
	}
	map_each(&before, e)
	{
		if (!map_has(&after, e->key))
			note(answer, "removed", e->key);
	}
	map_clear(&before);
	map_clear(&after);
	return answer;
}

static void unpin(struct stack *s, const struct strlist *changed)
{
	struct kvlist keep = {0};
	for (size_t i = 0; i < s->pinned.n; i++)
		if (!strlist_has(changed, s->pinned.v[i].k))
			kvlist_set(&keep, s->pinned.v[i].k, s->pinned.v[i].v);
	kvlist_done(&s->pinned);
	s->pinned = keep;
}

/* Takes spec: the new version. old is freed after the services have let go of it. */
static void replace(struct cluster *c, struct stack *s, struct spec_stack *spec, char *text_taken,
		    const struct strlist *changed)
{
	struct spec_stack *old = s->spec;
	bool all = s->removing;
	free(s->text);
	s->text = text_taken;
	s->spec = spec;
	s->removing = false;
	s->revision++;
	s->applied_ms = c->wall;
	map_clear(&s->planned);
	secrets_count_stack(c, spec, true);
	secrets_count_stack(c, old, false);
	unpin(s, changed);
	stack_apply(c, s, all ? NULL : changed);
	spec_stack_free(old);
	row_stack(c, s);
}

void stack_respec(struct cluster *c, struct stack *s, const struct strlist *changed)
{
	auto_json *j = canon_stack(s->spec);
	free(s->text);
	s->text = json_text_canonical(j);
	s->revision++;
	s->applied_ms = c->wall;
	unpin(s, changed);
	for (size_t i = 0; i < changed->n; i++) {
		const struct spec_service *spec = spec_find_service(s->spec, changed->v[i]);
		service_set_spec(c, service_get(s, changed->v[i]), spec, true);
	}
	row_stack(c, s);
}

int cluster_stack_put(struct cluster *c, const char *name, const json_t *canonical, json_t **ret,
		      struct err *err)
{
	struct spec_stack *spec = NULL;
	int rc = canon_stack_parse(canonical, &spec, err);
	if (rc < 0)
		return rc;
	__attribute__((cleanup(cleanup_spec_stack_free))) struct spec_stack *owned = spec;
	if (!streq(spec->name, name))
		return err_set(err, -EINVAL, "the stack is called '%s' but was sent as '%s'",
			       spec->name, name);
	rc = secrets_resolve(c, spec, err);
	if (rc == 0)
		rc = ports_settle(c, spec, err);
	if (rc < 0)
		return rc;
	auto_json *j = canon_stack(spec);
	auto_free char *text = json_text_canonical(j);
	struct stack *s = map_get(&c->stacks, name);
	auto_strlist changed = {0};
	if (s && !s->removing && streq(s->text, text)) {
		*ret = compare(s->spec, spec, &changed);
		json_put_bool(*ret, "changed", false);
		return 0;
	}
	rc = stack_check(c, spec, err);
	if (rc == 0 && s)
		rc = stack_check_users(c, name, spec, err);
	if (rc < 0)
		return rc;
	if (!s && c->stacks.n >= STACKS_MAX)
		return err_set(err, -ENOSPC, "the cluster has %d stacks already", STACKS_MAX);
	if (!s)
		s = stack_new(c, name);
	*ret = compare(s->removing ? NULL : s->spec, spec, &changed);
	replace(c, s, take_ptr(owned), take_ptr(text), &changed);
	event(c, s, "stack_applied", "was applied");
	return 0;
}

int cluster_stack_del(struct cluster *c, const char *name, struct err *err)
{
	struct stack *s = map_get(&c->stacks, name);
	if (!s)
		return err_set(err, -ENOENT, "there is no stack '%s'; `carrack ls` lists them",
			       name);
	if (s->removing)
		return 0;
	int rc = stack_check_users(c, name, NULL, err);
	if (rc < 0)
		return rc;
	s->removing = true;
	s->revision++;
	kvlist_done(&s->pinned);
	map_clear(&s->planned);
	stack_apply(c, s, NULL);
	row_stack(c, s);
	event(c, s, "stack_removing", "is being removed");
	return 0;
}

int cluster_scale(struct cluster *c, const char *stack, const char *service, int64_t replicas,
		  struct err *err)
{
	struct stack *s = map_get(&c->stacks, stack);
	if (!s || s->removing)
		return err_set(err, -ENOENT, "there is no stack '%s'; `carrack ls` lists them",
			       stack);
	struct spec_service *spec = spec_find_service(s->spec, service);
	if (!spec)
		return err_set(err, -ENOENT, "the stack '%s' has no service '%s'", stack, service);
	if (spec_is_global(spec))
		return err_set(err, -EINVAL,
			       "the service '%s' is global: it runs once on each node", service);
	if (replicas < 0 || replicas > LIMIT_SERVICE_REPLICAS)
		return err_set(err, -EINVAL, "replicas must be from 0 to %d",
			       LIMIT_SERVICE_REPLICAS);
	if (spec->container_name && replicas > 1)
		return err_set(err, -EINVAL,
			       "the service '%s' has 'container_name', which names one container; "
			       "take it out of the file first",
			       service);
	for (size_t i = 0; replicas > 1 && i < spec->pre_start.n; i++)
		if (!spec->pre_start.v[i].per_replica)
			return err_set(
				err, -EINVAL,
				"each task of the service '%s' would run its 'pre_start'; say "
				"'per_replica: true' in the file first",
				service);
	if (spec->replicas == replicas)
		return 0;
	int64_t before = spec->replicas;
	spec->replicas = replicas;
	int rc = stack_check(c, s->spec, err);
	if (rc < 0) {
		spec->replicas = before;
		return rc;
	}
	auto_json *j = canon_stack(s->spec);
	free(s->text);
	s->text = json_text_canonical(j);
	s->revision++;
	s->applied_ms = c->wall;
	map_clear(&s->planned);
	service_set_spec(c, service_get(s, service), spec, true);
	row_stack(c, s);
	struct event_of of = {.type = "service_scaled", .stack = stack, .service = service};
	cluster_event(c, &of, "from %lld to %lld", (long long)before, (long long)replicas);
	return 0;
}
