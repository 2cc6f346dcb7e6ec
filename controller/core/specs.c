/* SPDX-License-Identifier: Apache-2.0
 * Templates: what a service's containers are made from, shared by all tasks made of it. */
#include "controller/core/fixedaddr.h"
#include "controller/core/secrets.h"
#include "controller/core/state.h"
#include "manifests/canon.h"
#include "manifests/placeholder.h"

#include <string.h>

void tmpl_free(void *p)
{
	struct tmpl *t = p;
	if (!t)
		return;
	spec_service_done(&t->spec);
	for (size_t i = 0; i < t->n_networks; i++)
		free(t->network_ids[i]);
	free(t->network_ids);
	free(t->id);
	free(t->stack);
	free(t->service);
	free(t->volumes);
	free(t->wire);
	ingress_free(t->ingress);
	free(t);
}

struct tmpl *tmpl_ref(struct tmpl *t)
{
	if (t)
		t->refs++;
	return t;
}

static void count_networks(struct cluster *c, const struct tmpl *t, bool add)
{
	for (size_t i = 0; i < t->n_networks; i++) {
		struct network *n = map_get(&c->networks, t->network_ids[i]);
		if (!n)
			continue;
		n->n_users += add ? 1 : (size_t)-1;
		fixedaddr_count(n, &t->spec.networks[i], add);
		if (!n->n_users)
			network_mark(c, n);
	}
}

struct tmpl *tmpl_add(struct cluster *c, struct tmpl *t)
{
	map_set(&c->tmpls, t->id, t);
	count_networks(c, t, true);
	secrets_count(c, &t->spec, true);
	ingress_add(c, t);
	return t;
}

void tmpl_unref(struct cluster *c, struct tmpl *t)
{
	if (!t || --t->refs)
		return;
	cluster_put(c, "specs", t->id, NULL);
	count_networks(c, t, false);
	secrets_count(c, &t->spec, false);
	ingress_del(c, t);
	map_del(&c->tmpls, t->id);
}

/* The volumes of the stack that the mounts name, as an object; NULL when there are none. */
static char *volumes_text(const struct spec_stack *stack, const struct spec_service *s)
{
	auto_json *j = json_object();
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];
		const struct spec_volume *v = m->type == MOUNT_VOLUME && m->source
						      ? spec_find_volume(stack, m->source)
						      : NULL;
		if (v)
			json_object_set_new(j, v->key, canon_volume(v));
	}
	return json_object_size(j) ? json_text_canonical(j) : NULL;
}

uint64_t hash_text(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return (h ^ 0xff) * 0x100000001b3u;
}

static void resolve_networks(struct cluster *c, struct stack *s, struct tmpl *t)
{
	t->network_ids = xcalloc(t->spec.n_networks + 1, sizeof(*t->network_ids));
	for (size_t i = 0; i < t->spec.n_networks; i++) {
		const struct spec_network *sn =
			spec_find_network(s->spec, t->spec.networks[i].network);
		const struct network *n = sn ? network_of(c, s, sn) : NULL;
		t->network_ids[t->n_networks++] = xstrdup(n ? n->id : "none");
	}
}

/* A copy, through the canonical form: specs are read back from the store in the same way. */
static int copy_spec(const struct spec_service *from, struct spec_service *to)
{
	auto_json *j = canon_service(from);
	return canon_service_parse(j, from->name, to, NULL);
}

/* What is made again when another service is, is another template then. */
static uint64_t restarts_with(const struct spec_stack *stack, const struct spec_service *s,
			      uint64_t h)
{
	char hash[65];
	for (size_t i = 0; i < s->n_depends_on; i++) {
		const struct spec_depends *d = &s->depends_on[i];
		const struct spec_service *on =
			d->restart ? spec_find_service(stack, d->service) : NULL;
		if (!on)
			continue;
		canon_task_hash(on, hash);
		h = hash_text(h, hash);
	}
	return h;
}

struct tmpl *tmpl_of(struct cluster *c, struct stack *s, const struct spec_service *spec)
{
	struct tmpl *t = xcalloc(1, sizeof(*t));
	if (copy_spec(spec, &t->spec) < 0) {
		free(t);
		return NULL;
	}
	t->stack = xstrdup(s->name);
	t->service = xstrdup(spec->name);
	t->volumes = volumes_text(s->spec, spec);
	resolve_networks(c, s, t);
	canon_task_hash(spec, t->hash);
	/* Volumes and networks are the stack's: the service's own hash does not know them. */
	uint64_t h = hash_text(HASH_START, t->hash);
	h = hash_text(h, t->volumes);
	if (t->volumes && strstr(t->volumes, PLACEHOLDER_LABELS))
		for (size_t i = 0; i < spec->deploy_labels.n; i++) {
			h = hash_text(h, spec->deploy_labels.v[i].k);
			h = hash_text(h, spec->deploy_labels.v[i].v);
		}
	for (size_t i = 0; i < t->n_networks; i++)
		h = hash_text(h, t->network_ids[i]);
	h = restarts_with(s->spec, spec, h);
	t->id = xasprintf("%s.%s.%016llx", s->name, spec->name, (unsigned long long)h);
	struct tmpl *there = map_get(&c->tmpls, t->id);
	if (there) {
		tmpl_free(t);
		return there;
	}
	tmpl_add(c, t);
	row_tmpl(c, t);
	return t;
}

struct tmpl *tmpl_again(struct cluster *c, struct stack *s, struct tmpl *t)
{
	for (size_t i = 0; i < t->spec.n_networks; i++) {
		const struct spec_network *sn =
			spec_find_network(s->spec, t->spec.networks[i].network);
		if (!sn || !network_of(c, s, sn))
			return t;
	}
	struct tmpl *again = tmpl_of(c, s, &t->spec);
	return again ? again : t;
}

bool tmpl_networks_ready(const struct cluster *c, const struct tmpl *t, const char **ret_name)
{
	for (size_t i = 0; i < t->n_networks; i++) {
		const struct network *n = map_get(&c->networks, t->network_ids[i]);
		if (n && n->ready)
			continue;
		*ret_name = n ? n->name : t->spec.networks[i].network;
		return false;
	}
	return true;
}
