/* SPDX-License-Identifier: Apache-2.0
 * The fast path between containers: keeping its tables and filters as they should be. See
 * fastpath.h. */
#include "overlay/fastpath.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/fastbpf.h"
#include "overlay/fastrows.h"
#include "overlay/netns.h"
#include "overlay/tc.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOM_MIN 1024

static struct fast_rows rows_of(enum fastbpf_table t)
{
	return (struct fast_rows){.key = fastbpf_key_size(t), .value = fastbpf_value_size(t)};
}

static void want_rows(const struct overlay *o, enum fastbpf_table t, struct fast_rows *out)
{
	*out = rows_of(t);
	if (t == FASTBPF_LINKS)
		fastrows_links(o, out);
	else
		fastrows_dests(o, out);
}

/* A link that takes no filter is only slower; it is told of once. */
static bool attach(struct overlay *o, int index, enum fastbpf_program p)
{
	struct err err = {0};
	struct fastpath *f = o->fast;
	if (tc_attach(o->nl, index, fastbpf_program(f->bpf, p), fastbpf_program_name(p), &err) == 0)
		return true;
	if (!f->refused)
		log_warn("overlay", "link %d takes no filter for the fast path: %s", index,
			 err_text(&err));
	f->refused = true;
	return false;
}

struct place { /* where a program belongs */
	int index;
	enum fastbpf_program program;
};
struct places {
	struct place *v;
	size_t n, cap;
};

static void add_place(struct places *l, int index, enum fastbpf_program p)
{
	if (!index)
		return;
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = (struct place){index, p};
}

static void all_places(const struct overlay *o, struct places *l)
{
	if (o->fast->self.port)
		add_place(l, o->underlay.index, FASTBPF_UNDERLAY);
	map_each(&o->networks, e)
		add_place(l, ((const struct network *)e->val)->vxlan_index, FASTBPF_TUNNEL);
	map_each(&o->sandboxes, e)
	{
		const struct sandbox *s = e->val;
		uint32_t index;
		struct fast_link link;
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (fastrows_port(o, &s->endpoints[i], &index, &link))
				add_place(l, (int)index, FASTBPF_PORT);
	}
}

/* Programs and tables for what is known, filled but not attached. */
static int load(const struct overlay *o, const struct fast_self *self, struct fastbpf **ret,
		struct err *err)
{
	struct fast_rows want[FASTBPF_TABLES];
	uint32_t room[FASTBPF_TABLES];
	for (int t = 0; t < FASTBPF_TABLES; t++) {
		want_rows(o, t, &want[t]);
		room[t] = ROOM_MIN;
		while (room[t] < want[t].n + want[t].n / 2)
			room[t] *= 2;
	}
	struct fastbpf *b = NULL;
	int r = fastbpf_open(room, &b, err);
	if (r == 0)
		r = fastbpf_set_self(b, self);
	for (int t = 0; t < FASTBPF_TABLES; t++) {
		size_t size = want[t].key + want[t].value;
		for (size_t i = 0; r == 0 && i < want[t].n; i++) {
			const uint8_t *row = want[t].v + i * size;
			r = fastbpf_put(b, t, row, row + want[t].key);
		}
		fastrows_done(&want[t]);
	}
	if (r < 0) {
		fastbpf_close(b);
		return err_wrap(err, r, "cannot load the fast path");
	}
	*ret = b;
	return 0;
}

static void attach_all(struct overlay *o)
{
	struct places l = {0};
	all_places(o, &l);
	for (size_t i = 0; i < l.n; i++)
		attach(o, l.v[i].index, l.v[i].program);
	free(l.v);
}

/* Filters of an earlier life at places that are none any more, with tables that nobody keeps. */
static void sweep(struct overlay *o)
{
	struct places l = {0};
	auto_link_list links = {0};
	if (o->fast)
		all_places(o, &l);
	if (link_list(o->nl, &links, NULL) < 0)
		links.n = 0;
	for (size_t i = 0; i < links.n; i++) {
		bool wanted = false;
		for (size_t j = 0; j < l.n && !wanted; j++)
			wanted = l.v[j].index == links.v[i].index;
		if (!wanted && tc_attached(o->nl, links.v[i].index))
			tc_detach(o->nl, links.v[i].index);
	}
	free(l.v);
}

/* What is taken from the underlay's link: nothing, where that has no Ethernet header. */
static struct fast_self self_of(struct overlay *o)
{
	struct link_info li = {0};
	if (link_find(o->nl, o->underlay.name, &li, NULL) < 0 || !li.ether)
		return (struct fast_self){0};
	return (struct fast_self){.addr = fastrows_addr(&o->underlay.ip), .port = o->vxlan_port};
}

void fastpath_open(struct overlay *o, bool off)
{
	struct err err = {0};
	struct fastbpf *b = NULL;
	struct fast_self self = self_of(o);
	if (!off && load(o, &self, &b, &err) < 0)
		log_info("overlay", "%s; packets go by the bridges", err_text(&err));
	if (b) {
		o->fast = xcalloc(1, sizeof(*o->fast));
		o->fast->bpf = b;
		o->fast->self = self;
		attach_all(o);
	}
	sweep(o);
}

void fastpath_close(struct overlay *o)
{
	if (!o->fast)
		return;
	fastbpf_close(o->fast->bpf);
	free(o->fast);
	o->fast = NULL;
}

void fastpath_wipe(struct overlay *o)
{
	if (o->fast)
		tc_detach(o->nl, o->underlay.index);
	fastpath_close(o);
}

/* What finds no room goes by the bridge until the check has made some. */
static void change(struct overlay *o, enum fastbpf_table t, const void *key, const void *value,
		   bool add)
{
	uint8_t there[sizeof(struct fast_link)];
	if (add)
		(void)fastbpf_put(o->fast->bpf, t, key, value);
	/* Only what is still so: another may have taken its place. */
	else if (fastbpf_get(o->fast->bpf, t, key, there) == 0 &&
		 memcmp(there, value, fastbpf_value_size(t)) == 0)
		(void)fastbpf_del(o->fast->bpf, t, key);
}

void fastpath_network(struct overlay *o, const struct network *n, bool add)
{
	uint32_t key;
	struct fast_link l;
	if (!o->fast || !n->vxlan_index)
		return;
	fastrows_tunnel(o, n, &key, &l);
	change(o, FASTBPF_LINKS, &key, &l, add);
	if (add)
		attach(o, n->vxlan_index, FASTBPF_TUNNEL);
	map_each(&n->peers, p) fastpath_peer(o, n, p->val, add);
}

void fastpath_endpoint(struct overlay *o, const struct endpoint *e, bool add)
{
	uint32_t index;
	struct fast_link l;
	struct fast_mac mac;
	struct fast_dest d;
	if (!o->fast || !fastrows_port(o, e, &index, &l) || !fastrows_local(o, e, &mac, &d))
		return;
	change(o, FASTBPF_LINKS, &index, &l, add);
	change(o, FASTBPF_DESTS, &mac, &d, add);
	if (add)
		attach(o, e->veth_index, FASTBPF_PORT);
}

void fastpath_peer(struct overlay *o, const struct network *n, const struct ov_peer *p, bool add)
{
	struct fast_mac mac;
	struct fast_dest d;
	if (!o->fast || !n->vxlan_index)
		return;
	fastrows_remote(n, p, &mac, &d);
	change(o, FASTBPF_DESTS, &mac, &d, add);
}

/* Larger tables take the place of those that were outgrown. */
static int grow(struct overlay *o, struct err *err)
{
	struct fastbpf *b = NULL;
	int r = load(o, &o->fast->self, &b, err);
	if (r < 0)
		return r;
	struct fastbpf *old = o->fast->bpf;
	o->fast->bpf = b;
	attach_all(o);
	fastbpf_close(old);
	return 0;
}

static int mend_table(struct overlay *o, enum fastbpf_table t, struct fast_rows *want,
		      struct err *err)
{
	struct fast_rows have = rows_of(t), put = rows_of(t), del = rows_of(t);
	struct fastbpf *b = o->fast->bpf;
	size_t size = have.key + have.value;
	int r = fastbpf_dump(b, t, &have.v, &have.n);
	if (r == 0)
		fastrows_diff(want, &have, &put, &del);
	bool mend =
		r == 0 && put.n + del.n &&
		check_found(o, NULL, put.n + del.n,
			    "the fast path's table of %s: %zu records missing or false, %zu too "
			    "many",
			    t == FASTBPF_LINKS ? "links" : "containers", put.n, del.n);
	for (size_t i = 0; mend && i < del.n; i++)
		(void)fastbpf_del(b, t, del.v + i * size);
	for (size_t i = 0; mend && i < put.n && r == 0; i++)
		r = fastbpf_put(b, t, put.v + i * size, put.v + i * size + put.key);
	fastrows_done(&have);
	fastrows_done(&put);
	fastrows_done(&del);
	return r < 0 ? err_sys(err, r, "cannot mend the fast path") : 0;
}

static void mend_filters(struct overlay *o)
{
	struct places l = {0};
	all_places(o, &l);
	for (size_t i = 0; i < l.n; i++) {
		enum fastbpf_program p = l.v[i].program;
		if (tc_attached(o->nl, l.v[i].index) == fastbpf_program_id(o->fast->bpf, p))
			continue;
		/* What takes none was told of. */
		if (o->fast->refused ? !o->look
				     : check_found(o, NULL, 1, "link %d lacks the filter %s",
						   l.v[i].index, fastbpf_program_name(p)))
			attach(o, l.v[i].index, p);
	}
	free(l.v);
}

int fastpath_check(struct overlay *o, struct err *err)
{
	struct fast_rows want[FASTBPF_TABLES];
	struct fast_self self;
	bool small = false;
	int r = 0;
	if (!o->fast)
		return 0;
	for (int t = 0; t < FASTBPF_TABLES; t++) {
		want_rows(o, t, &want[t]);
		small |= want[t].n > fastbpf_room(o->fast->bpf, t);
	}
	if (small && !o->look)
		r = grow(o, err);
	for (int t = 0; t < FASTBPF_TABLES; t++) {
		if (r == 0)
			r = mend_table(o, t, &want[t], err);
		fastrows_done(&want[t]);
	}
	if (r == 0 && fastbpf_self(o->fast->bpf, &self) == 0 &&
	    memcmp(&self, &o->fast->self, sizeof(self)) != 0 &&
	    check_found(o, NULL, 1, "the fast path's record of this host"))
		r = fastbpf_set_self(o->fast->bpf, &o->fast->self);
	mend_filters(o);
	return r;
}

static int try_filter(struct err *err)
{
	auto_nlsock *nl = NULL;
	struct fastbpf *b = NULL;
	struct link_info lo;
	uint32_t room[FASTBPF_TABLES] = {1, 1};
	int r = nlsock_open(&nl, err);
	if (r == 0)
		r = fastbpf_open(room, &b, err);
	if (r == 0)
		r = link_find(nl, "lo", &lo, err);
	if (r == 0)
		r = tc_attach(nl, lo.index, fastbpf_program(b, FASTBPF_PORT), "ck_port", err);
	fastbpf_close(b);
	return r;
}

bool overlay_fast_probe(char **why)
{
	char dir[] = "/tmp/carrack-fast-XXXXXX";
	struct err err = {0};
	*why = NULL;
	if (!mkdtemp(dir)) {
		*why = xasprintf("no temporary folder: %s", strerror(errno));
		return false;
	}
	auto_free char *path = xasprintf("%s/ns", dir);
	auto_close int home = netns_self();
	auto_close int ns = home < 0 ? home : netns_create(path, home, &err);
	int r = ns < 0 ? ns : netns_enter(ns, &err);
	if (r == 0) {
		r = try_filter(&err);
		netns_leave(home);
	}
	(void)netns_drop(path, NULL);
	(void)rmdir(dir);
	if (r < 0)
		*why = xstrdup(err_text(&err));
	return r == 0;
}

bool overlay_fast(const struct overlay *o, struct ov_fast *ret)
{
	uint64_t v[FAST_COUNTS];
	if (!o->fast)
		return false;
	fastbpf_counts(o->fast->bpf, v);
	*ret = (struct ov_fast){.local = v[FAST_OUT_LOCAL],
				.sent = v[FAST_OUT_TUNNEL],
				.received = v[FAST_IN_UNDERLAY] + v[FAST_IN_TUNNEL]};
	return true;
}
