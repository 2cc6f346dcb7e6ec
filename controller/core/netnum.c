/* SPDX-License-Identifier: Apache-2.0
 * The numbers of a network: subnets out of the pools or as asked, and its VNI. */
#include "controller/core/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define POOL6_TRIES 100000

struct ipprefix network_prefix4(const struct network *n)
{
	struct ipaddr a = ipam_addr(n->subnet.base);
	return n->subnet.used ? ipprefix_of(&a, n->subnet.prefix) : (struct ipprefix){0};
}

static const struct network *overlapping(const struct cluster *c, const struct ipprefix *p)
{
	map_each(&c->networks, e)
	{
		const struct network *n = e->val;
		struct ipprefix v4 = network_prefix4(n);
		if (n->ready &&
		    (ipprefix_overlap(p, &v4) || ipprefix_overlap(p, &n->subnet6.subnet)))
			return n;
	}
	return NULL;
}

const char *network_underlay(const struct cluster *c, const struct ipprefix *p,
			     const char **ret_node)
{
	map_each(&c->nodes, e)
	{
		const struct node *n = e->val;
		struct ipprefix own;
		for (size_t i = 0; i < n->info.subnets.n; i++) {
			if (!ipprefix_parse(n->info.subnets.v[i], &own) ||
			    !ipprefix_overlap(p, &own))
				continue;
			*ret_node = n->name;
			return n->info.subnets.v[i];
		}
	}
	return NULL;
}

static int refuse_held(const char *subnet, const struct network *other, struct err *err)
{
	return err_set(err, -EEXIST, "the subnet '%s' is still held by '%s'%s", subnet, other->name,
		       other->dying ? ", which is being removed" : "");
}

/* A block that no node has on a link of its own. One that a node has stays marked until the next start. */
static int take_block(struct cluster *c, const struct network *n, uint32_t *base, struct err *err)
{
	const char *node;
	struct ipprefix p;
	if (!c->pool.n_blocks)
		return err_set(err, -ENOSPC, "the pool '%s' cannot be cut into networks",
			       c->cfg.pool);
	do {
		int rc = ipam_pool_take(&c->pool, base);
		if (rc < 0)
			return err_set(err, rc, "no subnet is left in the pool '%s' for '%s'",
				       c->cfg.pool, n->name);
		struct ipaddr a = ipam_addr(*base);
		p = ipprefix_of(&a, c->pool.net_prefix);
	} while (network_underlay(c, &p, &node));
	return 0;
}

static int keep_free(struct network *n, const struct spec_ipam *ipam)
{
	for (size_t i = 0; i < ipam->aux_addresses.n; i++) {
		struct ipaddr a;
		uint32_t v4;
		if (!ipaddr_parse(ipam->aux_addresses.v[i].v, &a))
			continue;
		if (ipaddr_is_v6(&a))
			(void)ipam6_take_fixed(&n->subnet6, &a);
		else if (ipam_addr_parse(ipam->aux_addresses.v[i].v, &v4))
			(void)ipam_take_fixed(&n->subnet, v4);
	}
	return 0;
}

/* base as a row has it, or 0. */
static int init4(struct network *n, uint32_t base, unsigned prefix, struct err *err)
{
	const struct spec_ipam *want = &n->spec.ipam;
	uint32_t gateway = 0, range;
	unsigned range_prefix;
	if (want->gateway)
		ipam_addr_parse(want->gateway, &gateway);
	int rc = ipam_subnet_init(&n->subnet, base, prefix, gateway, err);
	if (rc == 0 && want->ip_range) {
		rc = ipam_cidr_parse(want->ip_range, &range, &range_prefix, err);
		if (rc == 0)
			rc = ipam_subnet_range(&n->subnet, range, range_prefix, err);
	}
	if (rc == 0)
		return keep_free(n, want);
	ipam_subnet_done(&n->subnet);
	return rc;
}

static int take_subnet(struct cluster *c, struct network *n, struct err *err)
{
	const char *subnet = n->spec.ipam.subnet;
	uint32_t base = 0;
	unsigned prefix = c->pool.net_prefix;
	struct ipprefix p;
	int rc = 0;
	if (subnet) {
		rc = ipam_cidr_parse(subnet, &base, &prefix, err);
		const struct network *other =
			rc == 0 && ipprefix_parse(subnet, &p) ? overlapping(c, &p) : NULL;
		if (other)
			return refuse_held(subnet, other, err);
		if (rc == 0)
			ipam_pool_mark(&c->pool, base, prefix, true);
	} else {
		rc = take_block(c, n, &base, err);
	}
	if (rc < 0)
		return rc;
	rc = init4(n, base, prefix, err);
	if (rc < 0)
		ipam_pool_mark(&c->pool, base, prefix, false);
	return rc;
}

static int init6(struct network *n, const struct ipprefix *p, struct err *err)
{
	const struct spec_ipam *want = &n->spec.ipam6;
	struct ipaddr gateway = {0};
	struct ipprefix range = {0};
	if (want->gateway)
		(void)ipaddr_parse(want->gateway, &gateway);
	if (want->ip_range)
		(void)ipprefix_parse(want->ip_range, &range);
	int rc = ipam6_init(&n->subnet6, p, &gateway, &range, err);
	return rc < 0 ? rc : keep_free(n, want);
}

static int take_subnet6(struct cluster *c, struct network *n, struct err *err)
{
	const char *subnet = n->spec.ipam6.subnet, *node;
	struct ipprefix p = {0};
	if (subnet && ipprefix_parse(subnet, &p)) {
		const struct network *other = overlapping(c, &p);
		return other ? refuse_held(subnet, other, err) : init6(n, &p, err);
	}
	for (int i = 0; i < POOL6_TRIES; i++) {
		p = ipam6_pool_nth(&c->pool6, c->cursor6++);
		if (!ipprefix_is_set(&p)) { /* from the start again */
			c->cursor6 = 0;
			continue;
		}
		if (!overlapping(c, &p) && !network_underlay(c, &p, &node))
			return init6(n, &p, err);
	}
	char text[IPPREFIX_TEXT];
	return err_set(err, -ENOSPC, "no subnet is left in the pool '%s' for '%s'",
		       ipprefix_format(&c->pool6, text), n->name);
}

static int take_vni(struct cluster *c, struct network *n, struct err *err)
{
	char text[16];
	n->vni = spec_network_vni(&n->spec);
	snprintf(text, sizeof(text), "%u", n->vni);
	const struct network *other = n->vni ? map_get(&c->vnis, text) : NULL;
	if (other)
		return err_set(err, -EEXIST, "the VNI %u of '%s' is still held by '%s'", n->vni,
			       n->name, other->name);
	while (!n->vni || map_has(&c->vnis, text)) {
		n->vni = c->next_vni++;
		if (c->next_vni > VNI_LAST)
			c->next_vni = VNI_FIRST;
		snprintf(text, sizeof(text), "%u", n->vni);
	}
	map_set(&c->vnis, text, n);
	return 0;
}

static void give_subnets(struct cluster *c, struct network *n)
{
	if (n->subnet.used)
		ipam_pool_mark(&c->pool, n->subnet.base, n->subnet.prefix, false);
	ipam_subnet_done(&n->subnet);
	ipam6_done(&n->subnet6);
}

int network_allocate(struct cluster *c, struct network *n, struct err *err)
{
	if (n->ready)
		return 0;
	int rc = n->spec.enable_ipv4 ? take_subnet(c, n, err) : 0;
	if (rc == 0 && n->spec.enable_ipv6)
		rc = take_subnet6(c, n, err);
	if (rc == 0)
		rc = take_vni(c, n, err);
	if (rc < 0) {
		give_subnets(c, n);
		return rc;
	}
	n->ready = true;
	row_network(c, n);
	return 0;
}

void network_release(struct cluster *c, struct network *n)
{
	char text[16];
	if (!n->ready)
		return;
	give_subnets(c, n);
	snprintf(text, sizeof(text), "%u", n->vni);
	map_del(&c->vnis, text);
	c->retry = true;
	n->ready = false;
}

int network_renumber(struct cluster *c, struct network *n, const json_t *row, struct err *err)
{
	const char *v4 = json_str(row, "subnet"), *v6 = json_str(row, "subnet6");
	uint32_t base;
	unsigned prefix;
	struct ipprefix p;
	char vni[16];
	int rc = 0;
	if (!v4 && !v6)
		return 0;
	if (v4)
		rc = ipam_cidr_parse(v4, &base, &prefix, err);
	if (rc == 0 && v4)
		rc = init4(n, base, prefix, err);
	if (rc == 0 && v4 && c->pool.n_blocks)
		ipam_pool_mark(&c->pool, base, prefix, true);
	if (rc == 0 && v6)
		rc = ipprefix_parse(v6, &p) ? init6(n, &p, err) : -EINVAL;
	if (rc < 0)
		return rc;
	n->vni = (uint32_t)json_int(row, "vni", 0);
	snprintf(vni, sizeof(vni), "%u", n->vni);
	map_set(&c->vnis, vni, n);
	if (n->vni >= c->next_vni && !spec_network_vni(&n->spec))
		c->next_vni = n->vni < VNI_LAST ? n->vni + 1 : VNI_FIRST;
	n->ready = true;
	return 0;
}

void network_pools(struct cluster *c)
{
	char text[IPPREFIX_TEXT];
	struct ipprefix p;
	if (c->cfg.pool6 && ipprefix_parse(c->cfg.pool6, &p) && ipaddr_is_v6(&p.addr))
		c->pool6 = p;
	if (ipprefix_is_set(&c->pool6))
		return;
	c->pool6 = ipam6_pool_random(cluster_random(c));
	ipprefix_format(&c->pool6, text);
	cluster_put(c, "meta", "pool6", xstrdup(text));
}

void attach_mac(const struct attach *a, char out[IPAM_MAC_TEXT])
{
	const struct spec_attach *s = &a->task->tmpl->spec.networks[a - a->task->attach];
	if (s->mac_address)
		snprintf(out, IPAM_MAC_TEXT, "%s", s->mac_address);
	else if (a->ip)
		ipam_mac_text(a->ip, out);
	else
		ipam6_mac_text(&a->ip6, out);
}
