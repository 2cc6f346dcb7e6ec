/* SPDX-License-Identifier: Apache-2.0
 * What the tables of the fast path should hold, and the comparison with what they do. Pure. See
 * fastrows.h. */
#include "overlay/fastrows.h"
#include "base/mem.h"
#include "overlay/lan.h"
#include <arpa/inet.h>
#include <string.h>

struct fast_addr fastrows_addr(const struct ipaddr *a)
{
	struct fast_addr v = {{0}};
	if (!ipaddr_is_set(a))
		return v;
	if (ipaddr_is_v4(a)) {
		v.w[2] = htonl(0xffff);
		memcpy(&v.w[3], a->bytes, sizeof(v.w[3]));
	} else {
		memcpy(&v, a->bytes, sizeof(v));
	}
	return v;
}

/* Its network, where it has a port that the fast path knows: not on the physical network. NULL: not. */
static const struct network *port_of(const struct overlay *o, const struct endpoint *e)
{
	const struct network *n = map_get(&o->networks, e->network_id);
	return n && !lan_is(n) && e->veth_index ? n : NULL;
}

bool fastrows_port(const struct overlay *o, const struct endpoint *e, uint32_t *key,
		   struct fast_link *ret)
{
	const struct network *n = port_of(o, e);
	if (!n)
		return false;
	*key = (uint32_t)e->veth_index;
	*ret = (struct fast_link){.vni = n->spec.vni,
				  .mtu = (uint32_t)network_mtu(o, n),
				  .ip = fastrows_addr(&e->ip),
				  .ip6 = fastrows_addr(&e->ip6)};
	memcpy(ret->mac, e->mac, sizeof(ret->mac));
	return true;
}

void fastrows_tunnel(const struct overlay *o, const struct network *n, uint32_t *key,
		     struct fast_link *ret)
{
	*key = (uint32_t)n->vxlan_index;
	*ret = (struct fast_link){.vni = n->spec.vni, .mtu = (uint32_t)network_mtu(o, n)};
}

bool fastrows_local(const struct overlay *o, const struct endpoint *e, struct fast_mac *key,
		    struct fast_dest *ret)
{
	const struct network *n = port_of(o, e);
	if (!n)
		return false;
	*key = (struct fast_mac){.vni = n->spec.vni};
	memcpy(key->mac, e->mac, sizeof(key->mac));
	*ret = (struct fast_dest){.ifindex = (uint32_t)e->veth_index, .local = 1};
	return true;
}

void fastrows_remote(const struct network *n, const struct ov_peer *p, struct fast_mac *key,
		     struct fast_dest *ret)
{
	*key = (struct fast_mac){.vni = n->spec.vni};
	memcpy(key->mac, p->mac, sizeof(key->mac));
	*ret = (struct fast_dest){.ifindex = (uint32_t)n->vxlan_index};
	/* Nothing in clear is an encrypted network's, whoever sent it. */
	if (!n->spec.encrypted)
		ret->vtep = fastrows_addr(&p->vtep);
}

static void add(struct fast_rows *r, const void *key, const void *value)
{
	size_t size = r->key + r->value;
	r->v = vec_grow(r->v, r->n, &r->cap, size);
	memcpy(r->v + r->n * size, key, r->key);
	memcpy(r->v + r->n++ * size + r->key, value, r->value);
}

static void add_row(struct fast_rows *r, const uint8_t *row)
{
	add(r, row, row + r->key);
}

void fastrows_done(struct fast_rows *r)
{
	free(r->v);
	*r = (struct fast_rows){0};
}

void fastrows_links(const struct overlay *o, struct fast_rows *out)
{
	uint32_t key;
	struct fast_link l;
	map_each(&o->networks, e)
	{
		fastrows_tunnel(o, e->val, &key, &l);
		if (key)
			add(out, &key, &l);
	}
	map_each(&o->sandboxes, e)
	{
		const struct sandbox *s = e->val;
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (fastrows_port(o, &s->endpoints[i], &key, &l))
				add(out, &key, &l);
	}
}

void fastrows_dests(const struct overlay *o, struct fast_rows *out)
{
	struct fast_mac key;
	struct fast_dest d;
	map_each(&o->sandboxes, e)
	{
		const struct sandbox *s = e->val;
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (fastrows_local(o, &s->endpoints[i], &key, &d))
				add(out, &key, &d);
	}
	map_each(&o->networks, e)
	{
		const struct network *n = e->val;
		map_each(&n->peers, p)
		{
			fastrows_remote(n, p->val, &key, &d);
			if (d.ifindex)
				add(out, &key, &d);
		}
	}
}

static int by_key(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(const size_t *)size);
}

static void sort(struct fast_rows *r)
{
	if (r->n)
		qsort_r(r->v, r->n, r->key + r->value, by_key, &r->key);
}

void fastrows_diff(struct fast_rows *want, struct fast_rows *have, struct fast_rows *put,
		   struct fast_rows *del)
{
	size_t size = want->key + want->value, w = 0, h = 0;
	sort(want);
	sort(have);
	while (w < want->n || h < have->n) {
		const uint8_t *a = want->v + w * size, *b = have->v + h * size;
		int c = w == want->n ? 1 : h == have->n ? -1 : memcmp(a, b, want->key);
		if (c > 0) {
			add_row(del, b);
			h++;
			continue;
		}
		/* A key twice (a container that moved here before it was said to have left): one of
		 * them is as good as what is there. */
		bool right = c == 0 && memcmp(a, b, size) == 0;
		for (w++; w < want->n && memcmp(a, want->v + w * size, want->key) == 0; w++)
			right |= c == 0 && memcmp(want->v + w * size, b, size) == 0;
		if (!right)
			add_row(put, a);
		h += c == 0;
	}
}
