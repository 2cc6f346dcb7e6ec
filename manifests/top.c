/* SPDX-License-Identifier: Apache-2.0
 * The top level of a stack: its name, networks, volumes and services; see decode.h. */
#include "manifests/decode.h"
#include "manifests/limits.h"
#include "manifests/placeholder.h"
#include "manifests/shape.h"
#include "manifests/words.h"

#include <string.h>

#define CLUSTER_NAME_MAX 128 /* bytes of a network's or volume's own `name` */

FIELD_DECODER(decode_top_name)
{
	struct spec_stack *s = obj;
	const char *name;
	(void)f;
	if (!decode_string(c, n, &name))
		return;
	if (!spec_name_valid(name)) {
		decode_error(c, n,
			     "the stack's name '%.100s' may have lower-case letters, digits, "
			     "'-', '_' and '.', at most %d",
			     name, LIMIT_NAME);
		return;
	}
	if (c->in && c->in->name)
		return;
	free(s->name);
	s->name = xstrdup(name);
}

FIELD_DECODER(decode_external)
{
	bool *external = (bool *)((char *)obj + f->offset);
	if (n->kind != NODE_MAP) {
		decode_bool(c, n, external);
		return;
	}
	*external = true;
	for (size_t i = 0; i < n->n; i++) {
		const char *text;
		struct decode_mark mark = decode_enter(c, n->pairs[i].key);
		if (!streq(n->pairs[i].key, "name"))
			decode_error(c, n->pairs[i].value, "'external' has no key '%.100s'",
				     n->pairs[i].key);
		else if (decode_string(c, n->pairs[i].value, &text)) {
			const struct field *own = record_field(f->record, "name");
			char **name = (char **)((char *)obj + own->offset);
			free(*name);
			*name = xstrdup(text);
		}
		decode_leave(c, mark);
	}
}

bool decode_key_valid(struct decode *c, const struct node_pair *p, const char *what)
{
	struct node at = {.file = p->value->file, .line = p->line, .column = p->column};
	if (spec_key_valid(p->key))
		return true;
	decode_error(c, &at,
		     "the name '%.100s' of a %s may have letters, digits, '-', "
		     "'_' and '.', at most %d, and begins with a letter or digit",
		     p->key, what, LIMIT_NAME);
	return false;
}

/* Names of networks and volumes reach nodes, where they become parts of paths. */
void decode_own_name(struct decode *c, const struct node *n, const char *name)
{
	size_t len = strlen(name);
	bool letters = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.-") == len;
	if (len == 0 || len > CLUSTER_NAME_MAX || name[0] == '.' || name[0] == '-' || !letters)
		decode_refuse(c, n,
			      "'name' may have letters, digits, '_', '.' and '-', at most %d, "
			      "not '%.100s'",
			      CLUSTER_NAME_MAX, name);
}

static void network_check(struct decode *c, const struct node *n, const struct spec_network *net)
{
	const struct node *driver = node_child(n, "driver");
	decode_own_name(c, node_child(n, "name"), net->name);
	if (net->external && (net->driver || net->driver_opts.n || net->labels.n ||
			      net->ipam.subnet || net->ipam6.subnet || net->internal))
		decode_refuse(c, n,
			      "an external network is made elsewhere; only 'name' may stand "
			      "beside 'external'");
	const struct node *opts = node_child(n, "driver_opts");
	const char *bad = NULL;
	(void)spec_network_encrypted(net, &bad);
	if (bad)
		decode_refuse(c, node_child(opts, "encrypted"),
			      "'encrypted' must be \"true\" or \"false\", not '%.100s'", bad);
	if (!net->external)
		lan_network_check(c, n, net);
	if (!net->driver || streq(net->driver, "overlay") || spec_network_lan(net) != LAN_NONE)
		return;
	if (streq(net->driver, "bridge") || streq(net->driver, "default"))
		decode_warn(c, driver,
			    "the driver '%s' is not used: every network spans all nodes%s",
			    net->driver,
			    streq(net->driver, "bridge")
				    ? "; for a place on the physical network give it "
				      "'driver_opts: {parent: INTERFACE}'"
				    : "");
	else
		decode_refuse(c, driver,
			      "there is no network driver '%.100s'; leave 'driver' out, or use "
			      "macvlan, ipvlan or bridge for the physical network",
			      net->driver);
}

FIELD_DECODER(decode_top_networks)
{
	struct spec_stack *s = obj;
	(void)f;
	if (!decode_map(c, n, LIMIT_STACK_NETWORKS))
		return;
	s->networks = xcalloc(n->n + 1, sizeof(*s->networks));
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++) {
		const struct node_pair *p = &n->pairs[i];
		struct decode_mark mark = decode_enter(c, p->key);
		struct spec_network *net = &s->networks[s->n_networks];
		map_set(&c->networks, p->key, (void *)(uintptr_t)(s->n_networks + 1));
		if (decode_key_valid(c, p, "network")) {
			s->n_networks++;
			record_init(&record_network, net);
			net->key = xstrdup(p->key);
			decode_record(c, p->value, &record_network, net);
			if (!net->name)
				net->name = net->external ? xstrdup(p->key)
							  : xasprintf("%s_%s", s->name, p->key);
			network_check(c, p->value, net);
			network_options_check(c, p->value, net);
		}
		decode_leave(c, mark);
	}
}

void volume_check(struct decode *c, const struct node *n, const struct spec_volume *v)
{
	auto_free char *name = placeholders_example(v->name);
	decode_own_name(c, node_child(n, "name"), name);
	if (v->external && (v->driver || v->driver_opts.n || v->labels.n))
		decode_error(c, n,
			     "an external volume is made elsewhere; only 'name' may stand "
			     "beside 'external'");
	if (v->driver && !streq(v->driver, "local"))
		decode_refuse(c, node_child(n, "driver"),
			      "there is no volume driver '%.100s'; leave 'driver' out", v->driver);
}

FIELD_DECODER(decode_top_volumes)
{
	struct spec_stack *s = obj;
	(void)f;
	if (!decode_map(c, n, LIMIT_STACK_VOLUMES))
		return;
	s->volumes = xcalloc(n->n + 1, sizeof(*s->volumes));
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++) {
		const struct node_pair *p = &n->pairs[i];
		struct decode_mark mark = decode_enter(c, p->key);
		struct spec_volume *v = &s->volumes[s->n_volumes];
		map_set(&c->volumes, p->key, s);
		if (decode_key_valid(c, p, "volume")) {
			s->n_volumes++;
			record_init(&record_volume, v);
			v->key = xstrdup(p->key);
			decode_record(c, p->value, &record_volume, v);
			if (!v->name)
				v->name = v->external ? xstrdup(p->key)
						      : xasprintf("%s_%s", s->name, p->key);
			volume_check(c, p->value, v);
		}
		decode_leave(c, mark);
	}
}

FIELD_DECODER(decode_top_services)
{
	struct spec_stack *s = obj;
	(void)f;
	if (!decode_map(c, n, LIMIT_STACK_SERVICES))
		return;
	s->services = xcalloc(n->n + 1, sizeof(*s->services));
	for (size_t i = 0; i < n->n; i++)
		map_set(&c->services, n->pairs[i].key, (void *)(uintptr_t)(i + 1));
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++) {
		const struct node_pair *p = &n->pairs[i];
		struct decode_mark mark = decode_enter(c, p->key);
		struct node at = *p->value;
		at.line = p->line;
		at.column = p->column;
		if (decode_key_valid(c, p, "service")) {
			struct spec_service *sv = &s->services[s->n_services++];
			record_init(&record_service, sv);
			sv->name = xstrdup(p->key);
			decode_record(c, p->value, &record_service, sv);
			service_check(c, &at, sv);
		}
		decode_leave(c, mark);
	}
}

/* The name given by hand, or the folder's; `name:` in the file comes between the two. */
static void initial_name(struct decode *c, const struct node *root)
{
	const char *dir = c->in ? c->in->project_dir : NULL;
	if (c->in && c->in->name) {
		c->stack->name = xstrdup(c->in->name);
		if (!spec_name_valid(c->in->name))
			decode_error(c, root,
				     "the stack's name '%.100s' may have lower-case letters, "
				     "digits, '-', '_' and '.', at most %d",
				     c->in->name, LIMIT_NAME);
		return;
	}
	const char *slash = dir ? strrchr(dir, '/') : NULL;
	auto_free char *name = name_normalise(slash ? slash + 1 : dir ? dir : "");
	if (strlen(name) > LIMIT_NAME)
		name[LIMIT_NAME] = '\0';
	c->stack->name = take_ptr(name);
}

static void add_default_network(struct spec_stack *s)
{
	bool used = false;
	for (size_t i = 0; i < s->n_services; i++)
		for (size_t k = 0; k < s->services[i].n_networks; k++)
			used = used || streq(s->services[i].networks[k].network, "default");
	if (!used || spec_find_network(s, "default"))
		return;
	s->networks = xreallocarray(s->networks, s->n_networks + 1, sizeof(*s->networks));
	struct spec_network *net = &s->networks[s->n_networks++];
	record_init(&record_network, net);
	net->key = xstrdup("default");
	net->name = xasprintf("%s_default", s->name);
}

bool decode_stack(struct decode *c, const struct node *root)
{
	size_t errors = c->d->n_errors;
	c->ports_left = LIMIT_STACK_PORTS;
	if (root->kind != NODE_MAP && root->kind != NODE_NULL) {
		decode_error(c, root, "a stack must be a mapping with 'services' in it, not %s",
			     node_kind_text(root->kind));
		return false;
	}
	initial_name(c, root);
	decode_record(c, root, &record_top, c->stack);
	if (c->d->n_errors == errors && !*c->stack->name)
		decode_error(c, root, "the stack has no name; give it one with 'name:' or -n");
	if (c->d->n_errors == 0 && c->stack->n_services == 0)
		decode_refuse(c, root, "the stack has no services; add one under 'services'");
	if (c->d->n_errors == errors)
		joins_check(c, root);
	if (c->d->n_errors == errors)
		depends_check(c, root);
	if (c->d->n_errors == errors)
		stack_ports_check(c, root);
	if (c->d->n_errors == errors)
		share_resolve(c, root);
	if (c->d->n_errors == errors)
		lan_services_check(c, root);
	if (c->d->n_errors == errors && c->in && c->in->values)
		decode_values(c, root);
	add_default_network(c->stack);
	map_clear(&c->networks);
	map_clear(&c->volumes);
	map_clear(&c->services);
	map_clear(&c->secrets);
	map_clear(&c->configs);
	str_done(&c->path);
	return c->d->n_errors == errors;
}
