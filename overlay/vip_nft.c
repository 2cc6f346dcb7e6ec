/* SPDX-License-Identifier: Apache-2.0
 * The data path by destination NAT in the container's namespace: one table, whose maps say which
 * chain chooses among how many slots, and who is in a slot. The number of rules is fixed. See vip.h.
 */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/netns.h"
#include "overlay/nfset.h"
#include "overlay/nft.h"
#include "overlay/nftgen.h"
#include "overlay/vip_private.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TABLE "ck_vip"
/* Seconds; the kernel keeps it in jiffies in an int. A connection ends by its ends, not by a clock. */
#define FOR_EVER "2000000"

/* How many slots a VIP may have; its tasks get the smallest that is even enough. */
static const size_t classes[] = {1, 2, 3, 4, 5, 6, 7, 8, 64, 1024};

static int open_nft(struct vips *v, struct err *err)
{
	(void)v;
	(void)err;
	return 0;
}

static void close_nft(struct vips *v)
{
	(void)v; /* sockets are closed with the sandboxes */
}

static size_t slots_nft(size_t tasks)
{
	if (tasks <= 8)
		return tasks;
	return tasks <= 32 ? 64 : 1024;
}

/* Who has how many slots is a set for each number, not one map of verdicts: with each verdict that
 * is added the kernel looks through all of them for loops. */
static void add_family(struct str *s, const char *ip, const char *type, char digit)
{
	str_addf(s,
		 "add map inet " TABLE " slots%c { typeof %s daddr . numgen random mod 2 : %s "
		 "daddr; }\n",
		 digit, ip, ip);
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		str_addf(s, "add set inet " TABLE " of%zu_%c { type %s; }\n", classes[i], digit,
			 type);
}

/* UDP has no end that could be seen: who flows where is noted, so that a task that leaves loses its
 * flows (forget_flows). */
static void add_flows(struct str *s, const char *type, char digit)
{
	str_addf(s,
		 "add set inet " TABLE
		 " flows%c { type %s . %s . %s . inet_service . inet_service; "
		 "flags dynamic,timeout; timeout 10m; size 65535; }\n",
		 digit, type, type, type);
}

static void add_rules(struct str *s, const char *ip, char digit)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		str_addf(s,
			 "add rule inet " TABLE " out meta l4proto { tcp, udp } %s daddr @of%zu_%c "
			 "dnat %s to %s daddr . numgen random mod %zu map @slots%c\n",
			 ip, classes[i], digit, ip, ip, classes[i], digit);
	str_addf(s,
		 "add rule inet " TABLE " flows meta l4proto udp ct status dnat update @flows%c { "
		 "ct original %s saddr . ct original %s daddr . ct reply %s saddr . udp sport . "
		 "udp dport }\n",
		 digit, ip, ip, ip);
}

static void table_script(struct str *s)
{
	str_add(s, "add table inet " TABLE "\n");
	add_family(s, "ip", "ipv4_addr", '4');
	add_family(s, "ip6", "ipv6_addr", '6');
	add_flows(s, "ipv4_addr", '4');
	add_flows(s, "ipv6_addr", '6');
	str_add(s, "add chain inet " TABLE " out { type nat hook output priority -100; }\n"
		   "add chain inet " TABLE " flows { type filter hook output priority -90; }\n"
		   "flush table inet " TABLE "\n");
	add_rules(s, "ip", '4');
	add_rules(s, "ip6", '6');
}

/* --- elements --------------------------------------------------------------------------------- */

static size_t addr_len(const struct vip_addr *a)
{
	return vip_addr_is_v4(a) ? 4 : 16;
}

static const void *addr_bytes(const struct vip_addr *a)
{
	return vip_addr_is_v4(a) ? &a->w[3] : &a->w[0];
}

static struct nfset_elem slot_elem(const struct vip *vip, size_t i)
{
	size_t len = addr_len(&vip->ip), to = addr_len(&vip->slots[i]);
	uint32_t number = (uint32_t)i; /* as numgen leaves it in a register */
	struct nfset_elem e = {.key_len = (uint8_t)(len + sizeof(number)), .addr_len = (uint8_t)to};
	memcpy(e.key, addr_bytes(&vip->ip), len);
	memcpy(e.key + len, &number, sizeof(number));
	memcpy(e.addr, addr_bytes(&vip->slots[i]), to);
	return e;
}

/* Names of sets, by place in classes. */
static const char *const picks4[] = {"of1_4", "of2_4", "of3_4", "of4_4",  "of5_4",
				     "of6_4", "of7_4", "of8_4", "of64_4", "of1024_4"};
static const char *const picks6[] = {"of1_6", "of2_6", "of3_6", "of4_6",  "of5_6",
				     "of6_6", "of7_6", "of8_6", "of64_6", "of1024_6"};

_Static_assert(ARRAY_LEN(picks4) == ARRAY_LEN(classes) && ARRAY_LEN(picks6) == ARRAY_LEN(classes),
	       "a set for each number of slots");

static struct nfset_elem pick_elem(const struct vip *vip)
{
	size_t len = addr_len(&vip->ip);
	struct nfset_elem e = {.key_len = (uint8_t)len};
	memcpy(e.key, addr_bytes(&vip->ip), len);
	return e;
}

static const char *set_of(const struct vip *vip, bool slots)
{
	bool v4 = vip_addr_is_v4(&vip->ip);
	size_t i = 0;
	if (slots)
		return v4 ? "slots4" : "slots6";
	while (i + 1 < ARRAY_LEN(classes) && classes[i] != vip->n_slots)
		i++;
	return v4 ? picks4[i] : picks6[i];
}

static void put_slot(struct nfset_batch *b, bool add, const struct vip *vip, size_t i)
{
	struct nfset_elem e = slot_elem(vip, i);
	nfset_put(b, add, TABLE, set_of(vip, true), &e);
}

static void put_pick(struct nfset_batch *b, bool add, const struct vip *vip)
{
	struct nfset_elem e = pick_elem(vip);
	nfset_put(b, add, TABLE, set_of(vip, false), &e);
}

/* From was to vip, in one transaction; either may have no slots. */
static void put_change(struct nfset_batch *b, const struct vip *vip, const struct vip *was)
{
	if (was->n_slots && was->n_slots != vip->n_slots)
		put_pick(b, false, was);
	for (size_t i = 0; i < was->n_slots; i++)
		if (i >= vip->n_slots || !vip_addr_same(&vip->slots[i], &was->slots[i]))
			put_slot(b, false, was, i);
	for (size_t i = 0; i < vip->n_slots; i++)
		if (i >= was->n_slots || !vip_addr_same(&vip->slots[i], &was->slots[i]))
			put_slot(b, true, vip, i);
	if (vip->n_slots && was->n_slots != vip->n_slots)
		put_pick(b, true, vip);
}

/* --- one namespace ---------------------------------------------------------------------------- */

struct found { /* elements by their bytes, as text */
	struct map all;
	const char *set;
};

static void elem_key(const char *set, const struct nfset_elem *e, struct str *out)
{
	str_addf(out, "%s ", set);
	for (size_t i = 0; i < e->key_len; i++)
		str_addf(out, "%02x", e->key[i]);
}

static void note_elem(const struct nfset_elem *e, void *arg)
{
	struct found *f = arg;
	auto_str key = {0};
	elem_key(f->set, e, &key);
	map_set(&f->all, key.data, xmemdup(e, sizeof(*e)));
}

static bool same_value(const struct nfset_elem *a, const struct nfset_elem *b)
{
	return a->addr_len == b->addr_len && memcmp(a->addr, b->addr, a->addr_len) == 0;
}

struct difference {
	struct found have;
	struct nfset_batch del, add;
};

static void want_elem(struct difference *d, const char *set, const struct nfset_elem *e)
{
	auto_str key = {0};
	elem_key(set, e, &key);
	const struct nfset_elem *have = map_get(&d->have.all, key.data);
	bool same = have && same_value(have, e);
	if (have && !same)
		nfset_put(&d->del, false, TABLE, set, e);
	if (!same)
		nfset_put(&d->add, true, TABLE, set, e);
	map_del(&d->have.all, key.data);
}

static void want_all(const struct vips *v, const struct vip_sandbox *s, struct difference *d)
{
	map_each(&v->vips, e)
	{
		const struct vip *vip = e->val;
		if (!vip->n_slots || !vip_on(s, vip->network))
			continue;
		for (size_t i = 0; i < vip->n_slots; i++) {
			struct nfset_elem slot = slot_elem(vip, i);
			want_elem(d, set_of(vip, true), &slot);
		}
		struct nfset_elem pick = pick_elem(vip);
		want_elem(d, set_of(vip, false), &pick);
	}
}

static bool is_of(const char *key, const char *set)
{
	return str_starts(key, set) && key[strlen(set)] == ' ';
}

/* Reads what the namespace's maps hold and writes the difference. */
static int sync_elements(struct vips *v, struct vip_sandbox *s, bool strays, size_t *mended,
			 struct err *err)
{
	const char *sets[2 + 2 * ARRAY_LEN(classes)] = {"slots4", "slots6"};
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		sets[2 + 2 * i] = picks4[i];
		sets[3 + 2 * i] = picks6[i];
	}
	struct difference d = {.have = {.all = {.free_val = free}}};
	int r = 0;
	for (size_t i = 0; i < ARRAY_LEN(sets) && r == 0; i++) {
		d.have.set = sets[i];
		r = nfset_dump(s->nl, TABLE, sets[i], note_elem, &d.have, err);
	}
	if (r == 0)
		want_all(v, s, &d);
	for (size_t i = 0; i < ARRAY_LEN(sets) && r == 0 && strays; i++) {
		map_each(&d.have.all, e)
		{
			if (is_of(e->key, sets[i]))
				nfset_put(&d.del, false, TABLE, sets[i], e->val);
		}
	}
	*mended += d.add.elems + (strays ? d.have.all.n : 0);
	if (r == 0 && !v->look)
		r = nfset_send(s->nl, &d.del, err);
	if (r == 0 && !v->look)
		r = nfset_send(s->nl, &d.add, err);
	nfset_batch_done(&d.del);
	nfset_batch_done(&d.add);
	map_clear(&d.have.all);
	return r;
}

static void note_generation(struct vip_sandbox *s)
{
	if (nftgen_read(s->gen, &s->seen) < 0)
		s->seen = 0;
}

static int list_rules(struct nft *nft, char **ret, struct err *err)
{
	struct str s = {0};
	int r = nft_list_terse(nft, "list table inet " TABLE, &s, err);
	if (r == 0)
		*ret = str_take(&s);
	str_done(&s);
	return r;
}

/* Inside the namespace: the table and its rules, whatever was there. */
static int build_table(struct vip_sandbox *s, struct err *err)
{
	auto_str script = {0};
	struct nft *nft = NULL;
	table_script(&script);
	int r = nft_open(&nft, err);
	if (r == 0)
		r = nft_run(nft, script.data, err);
	if (r == 0) {
		free_and_null(&s->rules);
		r = list_rules(nft, &s->rules, err);
	}
	nft_close(nft);
	/* The namespace's own tracking: idle connections are not forgotten. */
	if (r == 0)
		(void)netns_sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", FOR_EVER,
				   NULL);
	return r;
}

static int open_inside(struct vip_sandbox *s, struct err *err)
{
	int r = build_table(s, err);
	if (r < 0)
		return r;
	/* Anew each time: the namespace may be another one than before. */
	if (s->nl >= 0)
		close(s->nl);
	if (s->gen >= 0)
		close(s->gen);
	s->gen = -1;
	s->nl = nfset_open(err);
	if (s->nl >= 0)
		s->gen = nftgen_open(err);
	return s->nl < 0 ? s->nl : s->gen < 0 ? s->gen : 0;
}

static int join_nft(struct vips *v, struct vip_sandbox *s, int ns, const uint32_t *was,
		    size_t n_was, struct err *err)
{
	size_t ignored = 0;
	(void)was;
	(void)n_was;
	if (!s->n_networks)
		return 0;
	int r = netns_enter(ns, err);
	if (r < 0)
		return r;
	r = open_inside(s, err);
	netns_leave(v->home);
	/* Its VIPs may not all be known again yet after an agent's restart. */
	if (r == 0)
		r = sync_elements(v, s, false, &ignored, err);
	s->clean = false;
	if (r == 0)
		note_generation(s);
	return r;
}

static void leave_nft(struct vips *v, struct vip_sandbox *s)
{
	(void)v; /* the table goes with the namespace */
	(void)s;
}

static void wipe_nft(struct vips *v)
{
	(void)v;
}

/* --- changes ---------------------------------------------------------------------------------- */

struct leaving {
	const struct vip *vip, *was;
	size_t len; /* of an address */
	struct nfset_elem *v;
	size_t n, cap;
};

static bool has_slot(const struct vip *vip, const uint8_t *task, size_t len)
{
	for (size_t i = 0; i < vip->n_slots; i++)
		if (memcmp(addr_bytes(&vip->slots[i]), task, len) == 0)
			return true;
	return false;
}

/* A noted flow: from, VIP, task, ports. */
static void note_flow(const struct nfset_elem *e, void *arg)
{
	struct leaving *l = arg;
	if (e->key_len != 3 * l->len + 8 ||
	    memcmp(e->key + l->len, addr_bytes(&l->was->ip), l->len) != 0 ||
	    has_slot(l->vip, e->key + 2 * l->len, l->len))
		return;
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = *e;
}

static bool any_left(const struct vip *vip, const struct vip *was)
{
	for (size_t i = 0; i < was->n_slots; i++)
		if (!has_slot(vip, addr_bytes(&was->slots[i]), addr_len(&was->slots[i])))
			return true;
	return false;
}

/* What flows by UDP to a task that left would do so for as long as it flows. */
static void forget_flows(const struct vip_sandbox *s, const struct vip *vip, const struct vip *was)
{
	struct leaving l = {.vip = vip, .was = was, .len = addr_len(&was->ip)};
	struct err err = {0};
	if (!any_left(vip, was))
		return;
	int r = nfset_dump(s->nl, TABLE, l.len == 4 ? "flows4" : "flows6", note_flow, &l, &err);
	for (size_t i = 0; i < l.n && r == 0; i++) {
		const uint8_t *key = l.v[i].key;
		struct nfset_flow f = {.from = key, .to = key + l.len, .addr_len = l.len};
		memcpy(&f.from_port, key + 3 * l.len, sizeof(f.from_port));
		memcpy(&f.to_port, key + 3 * l.len + 4, sizeof(f.to_port));
		r = nfset_forget_udp(s->nl, &f, &err);
	}
	free(l.v);
	if (r < 0)
		log_debug("overlay", "%s", err_text(&err));
}

static int change(struct vip_sandbox *s, const struct vip *vip, const struct vip *was,
		  struct err *err)
{
	struct nfset_batch b = {0};
	uint32_t now = 0;
	put_change(&b, vip, was);
	if (!b.elems)
		return 0;
	int r = nfset_send(s->nl, &b, err);
	nfset_batch_done(&b);
	if (r == -EEXIST || r == -ENOENT || r == -EBUSY) {
		/* Not as it was left: after an agent's restart, or somebody else wrote. */
		s->seen = 0;
		s->stale = true;
		return 0;
	}
	if (r < 0) {
		s->seen = 0; /* the check compares all of it */
		return r;
	}
	/* One transaction is one generation: more, and somebody else wrote too. */
	if (s->seen && nftgen_read(s->gen, &now) == 0)
		s->seen = now == s->seen + 1 ? now : 0;
	forget_flows(s, vip, was);
	return 0;
}

/* In all namespaces on the network. The first failure is told; the check mends it. */
static int change_all(struct vips *v, const struct vip *vip, const struct vip *was, struct err *err)
{
	int first = 0;
	map_each(&v->sandboxes, e)
	{
		struct vip_sandbox *s = e->val;
		struct err why = {0};
		if (s->nl < 0 || s->stale || !vip_on(s, vip->network))
			continue;
		int r = change(s, vip, was, &why);
		if (r < 0 && first == 0)
			first = err_set(err, r, "%s (sandbox \"%s\")", err_text(&why), s->id);
	}
	return first;
}

static int remove_nft(struct vips *v, const struct vip *vip, struct err *err)
{
	struct vip none = {.ip = vip->ip, .network = vip->network};
	return change_all(v, &none, vip, err);
}

static int check_one(struct vips *v, struct vip_sandbox *s, bool strays, size_t *mended,
		     struct err *err)
{
	uint32_t now = 0;
	int r = v->look ? 0 : nftgen_read(s->gen, &now);
	if (r < 0)
		return err_sys(err, r, "cannot ask for the packet filter's generation");
	if (s->seen && s->seen == now && (s->clean || !strays))
		return 0;
	/* The socket is inside; the listing needs the thread there as well. */
	auto_free char *path = xasprintf("%s/netns/%s", v->run_dir, s->id);
	int ns = netns_open(path, err);
	if (ns < 0)
		return ns;
	r = netns_enter(ns, err);
	close(ns);
	if (r < 0)
		return r;
	struct nft *nft = NULL;
	auto_free char *have = NULL;
	r = nft_open(&nft, err);
	if (r == 0)
		(void)list_rules(nft, &have, NULL); /* it may be gone altogether */
	nft_close(nft);
	bool rules = r == 0 && streq(have, s->rules);
	*mended += r == 0 && !rules;
	if (r == 0 && v->look) /* a socket of its own: the other's answers are the agent's */
		s->nl = nfset_open(err);
	else if (r == 0 && !rules)
		r = build_table(s, err);
	netns_leave(v->home);
	if (v->look && (!rules || s->nl < 0))
		return r;
	if (r == 0)
		r = sync_elements(v, s, strays, mended, err);
	if (r < 0)
		return r;
	s->stale = false;
	s->clean |= strays;
	if (!v->look)
		note_generation(s);
	return r;
}

static int check_nft(struct vips *v, bool strays, size_t *mended, struct err *err)
{
	int first = 0;
	map_each(&v->sandboxes, e)
	{
		struct vip_sandbox *s = e->val;
		struct err why = {0};
		int r = s->nl < 0 ? 0 : check_one(v, s, strays, mended, &why);
		if (r < 0 && first == 0)
			first = err_set(err, r, "VIPs of sandbox \"%s\": %s", s->id,
					err_text(&why));
	}
	return first;
}

const struct vip_path vip_path_nft = {
	.name = "nft",
	.open = open_nft,
	.close = close_nft,
	.wipe = wipe_nft,
	.slots = slots_nft,
	.write = change_all,
	.remove = remove_nft,
	.join = join_nft,
	.leave = leave_nft,
	.check = check_nft,
};
