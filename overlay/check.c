/* SPDX-License-Identifier: Apache-2.0
 * The timer that compares what the kernel has with what should be, mends the difference and counts
 * it: forwarding and neighbour entries; links and the packet filter are in files of their own. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/fastpath.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/linkcheck.h"
#include "overlay/nftgen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A check rests this many times as long as it takes, so that it costs at most 1 % of a core; with
 * 1,000 peers it takes about 1 ms. The least of the last few counts: a busy host makes one long now and then. */
#define CHECK_REST 100
#define NEVER_MS   1000 /* what else waits for a check's turn */

static const struct network *network_at(const struct overlay *o, int index)
{
	map_each(&o->networks, e)
	{
		const struct network *n = e->val;
		if (n->bridge_index == index || n->vxlan_index == index)
			return n;
	}
	return NULL;
}

struct owner { /* which links a check covers, found by index */
	int *v;
	size_t n;
};

static int by_index(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static bool is_owned(int index, void *arg)
{
	const struct owner *w = arg;
	return bsearch(&index, w->v, w->n, sizeof(*w->v), by_index) != NULL;
}

/* Leaves the deletions that may be made now: not those of networks that are still settling. */
static void keep_ripe(const struct overlay *o, struct fdb_list *del)
{
	size_t kept = 0;
	uint64_t now = clock_ms();
	for (size_t i = 0; i < del->n; i++) {
		const struct network *n = network_at(o, del->v[i].dev);
		if (n && now >= n->strays_after_ms)
			del->v[kept++] = del->v[i];
	}
	del->n = kept;
}

/* A bridge on the physical network learns, and may be somebody else's: nothing there is too much. */
static void keep_ours(const struct overlay *o, struct fdb_list *del)
{
	size_t kept = 0;
	for (size_t i = 0; i < del->n; i++) {
		const struct network *n = network_at(o, del->v[i].dev);
		if (n && !lan_is(n))
			del->v[kept++] = del->v[i];
	}
	del->n = kept;
}

/* What must be written and what has no place, of all networks. */
static int compare_entries(struct overlay *o, struct fdb_list *set, struct fdb_list *del,
			   struct err *err)
{
	auto_fdb want = {0}, have = {0};
	struct owner owner = {.v = xcalloc(o->networks.n * 2 + 1, sizeof(int))};
	map_each(&o->networks, e)
	{
		const struct network *n = e->val;
		owner.v[owner.n++] = n->bridge_index;
		owner.v[owner.n++] = n->vxlan_index;
		map_each(&n->peers, p) peers_entries(n, p->val, &want);
		sandbox_entries(o, n, &want);
	}
	qsort(owner.v, owner.n, sizeof(int), by_index);
	int r = fdb_read(o->nl, is_owned, &owner, &have, err);
	free(owner.v);
	if (r < 0)
		return r;
	fdb_diff(&want, &have, set, del);
	keep_ours(o, del);
	return 0;
}

bool check_found(struct overlay *o, const char *network_id, size_t n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	if (o->look) {
		o->look(network_id, text, o->look_arg);
		return false;
	}
	o->mended += n;
	log_info("overlay", "mended: %s", text);
	return true;
}

static const char *kind_text(const struct fdb_entry *e, char out[96])
{
	char ip[IPADDR_TEXT];
	const uint8_t *m = e->mac;
	if (e->kind == FDB_NEIGH)
		snprintf(out, 96, "the neighbour entry of %s", ipaddr_format(&e->ip, ip));
	else
		snprintf(out, 96, "the %s entry of %02x:%02x:%02x:%02x:%02x:%02x",
			 e->kind == FDB_TUNNEL ? "VXLAN" : "forwarding", m[0], m[1], m[2], m[3],
			 m[4], m[5]);
	return out;
}

/* One by one where they are few. */
static bool tell_entries(struct overlay *o, const struct fdb_list *set, const struct fdb_list *del)
{
	static const size_t few = 8;
	bool mend = false;
	char text[96];
	if (set->n + del->n > few)
		return check_found(
			o, NULL, set->n + del->n,
			"forwarding and neighbour entries: %zu missing or false, %zu too "
			"many",
			set->n, del->n);
	for (size_t i = 0; i < set->n + del->n; i++) {
		bool missing = i < set->n;
		const struct fdb_entry *e = missing ? &set->v[i] : &del->v[i - set->n];
		const struct network *n = network_at(o, e->dev);
		mend |= check_found(o, n ? n->id : NULL, 1, "%s %s", kind_text(e, text),
				    missing ? "is missing or false" : "has no place here");
	}
	return mend;
}

static int mend_entries(struct overlay *o, struct err *err)
{
	auto_fdb set = {0}, del = {0};
	int r = compare_entries(o, &set, &del, err);
	if (r < 0)
		return r;
	keep_ripe(o, &del);
	if (!tell_entries(o, &set, &del))
		return 0;
	r = fdb_write(o->nl, &del, true, err);
	return r < 0 ? r : fdb_write(o->nl, &set, false, err);
}

/* Networks of an earlier life that nobody asked for again. */
static void settle(struct overlay *o)
{
	struct err err = {0};
	auto_strlist old = {0};
	map_each(&o->networks, e)
	{
		const struct network *n = e->val;
		if (!n->asked)
			strlist_add(&old, n->id);
	}
	o->settled = true;
	lan_tidy(o); /* VLANs of networks that went while no agent ran */
	for (size_t i = 0; i < old.n; i++)
		if (overlay_network_del(o, old.v[i], &err) < 0)
			log_debug("overlay", "%s", err_text(&err)); /* a container still uses it */
	if (firewall_rewrite(o, true, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
}

/* Everything that is compared; what differs is mended, or told while o->look is set. */
static void check_all(struct overlay *o)
{
	struct err err = {0};
	if (tunnel_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	int r = linkcheck_run(o, &err);
	if (r == 0)
		r = mend_entries(o, &err);
	if (r < 0)
		log_warn("overlay", "%s", err_text(&err));
	if (fastpath_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	insidecheck_run(o);
	if (firewall_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	if (viproute_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
}

int check_look(struct overlay *o, struct err *err)
{
	o->nl = NULL;
	o->nft = NULL;
	int r = nlsock_open(&o->nl, err);
	if (r == 0)
		r = nft_open(&o->nft, err);
	if (r == 0)
		r = o->nft_gen = nftgen_open(err);
	if (r >= 0 && o->tunnel.ns >= 0)
		r = tunnel_look(o, err);
	map_each(&o->sandboxes, e)((struct sandbox *)e->val)->nft_seen = 0;
	o->nft_seen = 0;
	vips_look(o->vips);
	return r < 0 ? r : 0;
}

int overlay_compare(struct overlay *o, void (*each)(const char *id, const char *text, void *),
		    void *arg, struct err *err)
{
	if (o->wiped)
		return 0;
	int r = check_look(o, err);
	if (r < 0)
		return r;
	o->look = each;
	o->look_arg = arg;
	check_all(o);
	return 0;
}

void overlay_check(struct overlay *o)
{
	if (!o->wiped)
		check_run(o);
}

/* Of this thread, the kernel's part included: a host that is busy otherwise is no reason to rest. */
static uint64_t cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* What is no comparison, but waits for its turn. */
static void do_due(struct overlay *o)
{
	ingress_retry(o);
	if (!o->settled && clock_ms() - o->opened_ms >= HOST_SETTLE_MS)
		settle(o);
}

void check_timer(void *overlay)
{
	struct overlay *o = overlay;
	struct err err = {0};
	if (o->check_ms != OV_CHECK_NEVER) {
		check_run(o);
		return;
	}
	struct links_seen links = {0};
	if (links_look(o, &links, NULL) == 0)
		lan_look(o, &links.links, &links.addrs);
	links_forget(&links);
	peers_flush(o);
	if (vips_behind(o->vips) && viproute_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	do_due(o);
	timer_set(o->check, NEVER_MS);
}

static uint64_t usual_cost(struct overlay *o, uint64_t ms)
{
	uint64_t least = ms;
	o->costs_ms[o->n_costs++ % ARRAY_LEN(o->costs_ms)] = ms;
	for (size_t i = 0; i < ARRAY_LEN(o->costs_ms) && i < o->n_costs; i++)
		least = o->costs_ms[i] < least ? o->costs_ms[i] : least;
	return least;
}

void check_run(void *overlay)
{
	struct overlay *o = overlay;
	uint64_t start = cpu_ms(), mended = o->mended;
	peers_flush(o);
	check_all(o);
	do_due(o);
	if (o->check_ms == OV_CHECK_NEVER)
		return;
	/* Where something was wrong, more may be: the next look comes soon. */
	uint64_t rest_ms = o->mended != mended ? 0 : usual_cost(o, cpu_ms() - start) * CHECK_REST;
	timer_set(o->check, rest_ms > o->check_ms ? rest_ms : o->check_ms);
}
