/* SPDX-License-Identifier: Apache-2.0
 * What one service has of another: `links` give it names, `volumes_from` its volumes; see decode.h. Both
 * are resolved when files are read: canonical JSON has aliases and volumes alone. */
#include "manifests/decode.h"
#include "manifests/limits.h"

#include <string.h>

#define CHAIN_MAX 100 /* of volumes_from */

/* SERVICE of "SERVICE:rest" or of "SERVICE"; caller frees. */
static char *before_colon(const char *text)
{
	return xstrndup(text, strcspn(text, ":"));
}

/* A list's item "NAME" or "NAME:REST": its name, or NULL after it was told; caller frees. rest: NULL
 * without a colon. */
static char *item_split(struct decode *c, const struct node *n, const char **ret_text,
			const char **ret_rest)
{
	if (!decode_string(c, n, ret_text))
		return NULL;
	const char *colon = strchr(*ret_text, ':');
	*ret_rest = colon ? colon + 1 : NULL;
	return before_colon(*ret_text);
}

FIELD_DECODER(decode_links)
{
	struct spec_service *s = obj;
	(void)f;
	if (!decode_list(c, n, LIMIT_SERVICE_DEPENDS))
		return;
	for (size_t i = 0; i < n->n; i++) {
		const char *text, *rest;
		auto_free char *name = item_split(c, n->items[i], &text, &rest);
		if (!name)
			continue;
		if (rest && !spec_key_valid(rest)) {
			decode_refuse(c, n->items[i], "'%.100s' is not a name for a link", rest);
			continue;
		}
		if (rest && !streq(rest, name))
			strlist_add(&s->links, text);
		depends_imply(c, n->items[i], name, s);
	}
}

/* Names on a network are the network's: nothing is made of a link but sure that it can work. */
FIELD_DECODER(decode_external_links)
{
	struct spec_service *s = obj;
	(void)f;
	if (!decode_list(c, n, LIMIT_SERVICE_DEPENDS))
		return;
	for (size_t i = 0; i < n->n; i++) {
		const char *text, *rest;
		auto_free char *name = item_split(c, n->items[i], &text, &rest);
		if (!name)
			continue;
		if (rest && !streq(rest, name))
			decode_refuse(c, n->items[i],
				      "the external link '%.100s' cannot give '%.100s' another "
				      "name; give it the alias '%.100s' on the network in its own "
				      "stack",
				      text, name, rest);
	}
	s->external_links = n->n > 0;
}

FIELD_DECODER(decode_volumes_from)
{
	struct spec_service *s = obj;
	(void)f;
	if (!decode_list(c, n, LIMIT_SERVICE_MOUNTS))
		return;
	for (size_t i = 0; i < n->n; i++) {
		const char *text, *rest;
		auto_free char *name = item_split(c, n->items[i], &text, &rest);
		if (!name)
			continue;
		if (streq(name, "container")) {
			decode_refuse(c, n->items[i],
				      "'%.100s' is a container outside of the stack; name the "
				      "volumes under 'volumes'",
				      text);
			continue;
		}
		if (rest && !streq(rest, "ro") && !streq(rest, "rw")) {
			decode_error(c, n->items[i],
				     "'%.100s' must be SERVICE, SERVICE:ro or "
				     "SERVICE:rw",
				     text);
			continue;
		}
		strlist_add(&s->volumes_from, text);
		depends_imply(c, n->items[i], name, s);
	}
}

/* Does another service answer to the alias on this network? */
static bool alias_taken(const struct spec_stack *stack, const struct spec_service *target,
			const char *network, const char *alias)
{
	for (size_t i = 0; i < stack->n_services; i++) {
		const struct spec_service *s = &stack->services[i];
		for (size_t k = 0; s != target && k < s->n_networks; k++)
			if (streq(s->networks[k].network, network) &&
			    (streq(s->name, alias) || strlist_has(&s->networks[k].aliases, alias)))
				return true;
	}
	return false;
}

/* Names are of a network, not of one service's eyes: the target gets the alias there. */
static void link_resolve(struct decode *c, const struct node *n, const struct spec_service *s,
			 const char *text)
{
	const char *alias = strchr(text, ':') + 1;
	auto_free char *name = before_colon(text);
	struct spec_service *target = decode_service(c, name);
	bool shared = false;
	for (size_t i = 0; target && i < s->n_networks; i++)
		for (size_t k = 0; k < target->n_networks; k++) {
			struct spec_attach *a = &target->networks[k];
			if (!streq(a->network, s->networks[i].network))
				continue;
			shared = true;
			if (alias_taken(c->stack, target, a->network, alias))
				decode_refuse(c, n,
					      "the link '%.100s' cannot be: another service on the "
					      "network '%s' is '%s'",
					      text, a->network, alias);
			else if (!strlist_has(&a->aliases, alias))
				strlist_add(&a->aliases, alias);
		}
	if (target && !shared)
		decode_refuse(c, n, "the link '%.100s' cannot be: '%s' and '%s' share no network",
			      text, s->name, name);
}

static bool mounted(const struct spec_service *s, const char *target)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (streq(s->mounts[i].target, target))
			return true;
	return false;
}

static void mounts_take(struct decode *c, const struct node *n, struct spec_service *s,
			const struct spec_service *from, bool read_only)
{
	s->mounts = xreallocarray(s->mounts, s->n_mounts + from->n_mounts + 1, sizeof(*s->mounts));
	for (size_t i = 0; i < from->n_mounts; i++) {
		const struct spec_mount *m = &from->mounts[i];
		if (m->type == MOUNT_TMPFS || mounted(s, m->target))
			continue;
		if (!m->source) {
			decode_refuse(c, n,
				      "'volumes_from' cannot give the volume at '%s' of '%s': it "
				      "has no name; give it one under the top-level 'volumes'",
				      m->target, from->name);
			continue;
		}
		if (s->n_mounts >= LIMIT_SERVICE_MOUNTS) {
			decode_error(c, n, "the service '%s' has more than %d volumes", s->name,
				     LIMIT_SERVICE_MOUNTS);
			return;
		}
		struct spec_mount copy = *m;
		copy.source = xstrdup(m->source);
		copy.target = xstrdup(m->target);
		copy.bind_propagation = xstrdup(m->bind_propagation);
		copy.bind_recursive = xstrdup(m->bind_recursive);
		copy.volume_subpath = xstrdup(m->volume_subpath);
		copy.image_subpath = xstrdup(m->image_subpath);
		copy.read_only = m->read_only || read_only;
		s->mounts[s->n_mounts++] = copy;
	}
}

/* First what the other service has from others in its turn. There are no circles any more. */
static void volumes_resolve(struct decode *c, const struct node *services, struct spec_service *s,
			    int depth)
{
	if (s->volumes_from.n == 0)
		return;
	struct strlist list = s->volumes_from;
	const struct node *n =
		node_child(decode_service_node(c, services, s->name), "volumes_from");
	s->volumes_from = (struct strlist){0};
	if (depth > CHAIN_MAX)
		decode_error(c, n, "'volumes_from' goes on through more than %d services",
			     CHAIN_MAX);
	for (size_t i = 0; i < list.n && depth <= CHAIN_MAX; i++) {
		const char *colon = strchr(list.v[i], ':');
		auto_free char *name = before_colon(list.v[i]);
		struct spec_service *from = decode_service(c, name);
		if (!from)
			continue;
		volumes_resolve(c, services, from, depth + 1);
		mounts_take(c, n, s, from, streq(colon, ":ro"));
	}
	strlist_done(&list);
}

static void external_check(struct decode *c, const struct node *n, const struct spec_service *s)
{
	for (size_t i = 0; i < s->n_networks; i++) {
		const struct spec_network *net =
			spec_find_network(c->stack, s->networks[i].network);
		if (net && net->external)
			return;
	}
	decode_refuse(c, node_child(n, "external_links"),
		      "an external link needs a network that both stacks are on: one that is "
		      "'external: true' here, with the 'name' of the other stack's");
}

void share_resolve(struct decode *c, const struct node *root)
{
	const struct node *services = node_child(root, "services");
	for (size_t i = 0; i < c->stack->n_services; i++) {
		struct spec_service *s = &c->stack->services[i];
		const struct node *n =
			s->links.n ? node_child(decode_service_node(c, services, s->name), "links")
				   : NULL;
		for (size_t k = 0; k < s->links.n; k++)
			link_resolve(c, n, s, s->links.v[k]);
		if (s->external_links)
			external_check(c, node_child(services, s->name), s);
		volumes_resolve(c, services, s, 0);
	}
}
