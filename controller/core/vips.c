/* SPDX-License-Identifier: Apache-2.0
 * Service VIPs: an address of each of a service's networks that stays with it over scaling, updates
 * and restarts. Taken from the network's own subnet, from its end, when the first task is placed. */
#include "controller/core/fixedaddr.h"

#include <errno.h>
#include <string.h>

#define LABEL_PREFER "carrack.vip.prefer"

static bool wants_vips(const struct tmpl *t)
{
	return t && t->spec.endpoint_mode == ENDPOINT_VIP;
}

const struct vip *vip_of(const struct service *svc, const struct network *n)
{
	for (size_t i = 0; i < svc->n_vips; i++)
		if (svc->vips[i].net == n)
			return &svc->vips[i];
	return NULL;
}

bool vips_local(const struct service *svc)
{
	return svc->spec && streq(kvlist_get(&svc->spec->deploy_labels, LABEL_PREFER), "local");
}

const char *vips_text(const struct vip *v, int family, char *out)
{
	if (family == AF_INET && v->ip) {
		ipam_addr_text(v->ip, out);
		return out;
	}
	return family == AF_INET6 && ipaddr_is_set(&v->ip6) ? ipaddr_format(&v->ip6, out) : NULL;
}

static char *row_id(const struct service *svc)
{
	return xasprintf("%s/%s", svc->stack->name, svc->name);
}

static void write_row(struct cluster *c, const struct service *svc)
{
	auto_free char *id = row_id(svc);
	struct str s = {0};
	if (!svc->n_vips) {
		cluster_put(c, "vips", id, NULL);
		return;
	}
	str_add(&s, "{\"vips\":[");
	for (size_t i = 0; i < svc->n_vips; i++) {
		char ip[IPADDR_TEXT], ip6[IPADDR_TEXT];
		const struct vip *v = &svc->vips[i];
		str_addf(&s, "%s[\"%s\",", i ? "," : "", v->net->id);
		text_json(&s, vips_text(v, AF_INET, ip));
		str_addc(&s, ',');
		text_json(&s, vips_text(v, AF_INET6, ip6));
		str_addc(&s, ']');
	}
	str_add(&s, "]}");
	cluster_put(c, "vips", id, str_take(&s));
}

static void add(struct service *svc, const struct vip *v)
{
	svc->vips = xreallocarray(svc->vips, svc->n_vips + 1, sizeof(*svc->vips));
	svc->vips[svc->n_vips++] = *v;
	v->net->n_vips++;
}

static void give_addresses(const struct vip *v)
{
	if (v->ip)
		ipam_give(&v->net->subnet, v->ip);
	if (ipaddr_is_set(&v->ip6))
		ipam6_give(&v->net->subnet6, &v->ip6);
}

/* One of each family that the network has, or none at all. */
static int take(struct network *n, struct vip *out)
{
	struct vip v = {.net = n};
	int rc = n->subnet.used ? fixedaddr_skip4(n, ipam_take_high, &v.ip) : 0;
	if (rc == 0 && ipam6_is_set(&n->subnet6))
		rc = fixedaddr_skip6(n, ipam6_take_high, &v.ip6);
	if (rc < 0)
		give_addresses(&v);
	else
		*out = v;
	return rc;
}

int vips_take(struct cluster *c, struct service *svc, struct err *err)
{
	const struct tmpl *t = svc->tmpl;
	size_t before = svc->n_vips;
	int rc = 0;
	for (size_t i = 0; wants_vips(t) && i < t->n_networks && rc == 0; i++) {
		struct network *n = map_get(&c->networks, t->network_ids[i]);
		struct vip v;
		/* On the physical network the names lead to the tasks. */
		if (!n || !n->ready || n->lan || vip_of(svc, n))
			continue;
		rc = take(n, &v);
		if (rc < 0)
			err_set(err, rc,
				"no address is left on the network '%s' for the VIP of '%s'",
				n->name, svc->name);
		else
			add(svc, &v);
	}
	if (svc->n_vips != before)
		write_row(c, svc);
	return rc;
}

static void give(struct cluster *c, struct service *svc, size_t i)
{
	struct network *n = svc->vips[i].net;
	give_addresses(&svc->vips[i]);
	n->n_vips--;
	svc->vips[i] = svc->vips[--svc->n_vips];
	network_mark(c, n);
	c->retry = true; /* whoever waits for an address */
}

void vips_give(struct cluster *c, struct service *svc)
{
	if (!svc->n_vips)
		return;
	while (svc->n_vips)
		give(c, svc, svc->n_vips - 1);
	write_row(c, svc);
}

static bool on_network(const struct task *t, const struct network *n)
{
	for (size_t i = 0; t && i < t->n_attach; i++)
		if (t->attach[i].net == n)
			return true;
	return false;
}

/* Does a task of the service still answer at the VIP? */
static bool in_use(const struct service *svc, const struct network *n)
{
	for (size_t i = 0; i < svc->n_slots; i++) {
		if (on_network(svc->slots[i].cur, n))
			return true;
		for (const struct task *o = svc->slots[i].old; o; o = o->slot_next)
			if (on_network(o, n))
				return true;
	}
	return false;
}

static bool wanted(const struct service *svc, const struct network *n)
{
	const struct tmpl *t = svc->tmpl;
	for (size_t i = 0; svc->spec && wants_vips(t) && i < t->n_networks; i++)
		if (streq(t->network_ids[i], n->id))
			return true;
	return false;
}

void vips_settle(struct cluster *c, struct service *svc)
{
	size_t before = svc->n_vips;
	for (size_t i = svc->n_vips; i-- > 0;)
		if (!wanted(svc, svc->vips[i].net) && !in_use(svc, svc->vips[i].net))
			give(c, svc, i);
	if (svc->n_vips != before)
		write_row(c, svc);
}

static void tell_again(struct cluster *c, struct task *t)
{
	for (size_t i = 0; t && i < t->n_attach; i++) {
		t->attach[i].force = true;
		task_mark(c, t, MARK_ENDPOINT);
	}
}

void vips_spec(struct cluster *c, struct service *svc)
{
	bool local = vips_local(svc);
	if (local == svc->vip_local)
		return;
	svc->vip_local = local;
	for (size_t i = 0; i < svc->n_slots; i++)
		tell_again(c, svc->slots[i].cur);
}

/* false: another has them, or there are none. */
static bool load_addresses(const json_t *row, struct vip *v)
{
	struct ipaddr ip6;
	uint32_t ip;
	if (ipam_addr_parse(json_string_value(json_array_get(row, 1)), &ip) &&
	    ipam_take_fixed(&v->net->subnet, ip) == 0)
		v->ip = ip;
	if (ipaddr_parse(json_string_value(json_array_get(row, 2)), &ip6) &&
	    ipam6_take_fixed(&v->net->subnet6, &ip6) == 0)
		v->ip6 = ip6;
	return v->ip || ipaddr_is_set(&v->ip6);
}

int vips_load(struct cluster *c, const char *id, const json_t *row, struct err *err)
{
	const char *slash = strchr(id, '/');
	auto_free char *name = slash ? xstrndup(id, (size_t)(slash - id)) : NULL;
	struct stack *s = name ? map_get(&c->stacks, name) : NULL;
	if (!s)
		return err_set(err, -EINVAL, "it names a stack that is not there");
	struct service *svc = service_get(s, slash + 1);
	const json_t *list = json_object_get(row, "vips"), *v;
	size_t i;
	json_array_foreach(list, i, v)
	{
		const char *net = json_string_value(json_array_get(v, 0));
		struct network *n = net ? map_get(&c->networks, net) : NULL;
		struct vip vip = {.net = n};
		if (n && load_addresses(v, &vip))
			add(svc, &vip);
	}
	return 0;
}
