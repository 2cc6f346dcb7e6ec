/* SPDX-License-Identifier: Apache-2.0
 * The timer that compares what the kernel has with what should be, mends the difference and counts
 * it: forwarding and neighbour entries; links and the packet filter are in files of their own. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/host.h"
#include <string.h>

/* A check rests this many times as long as it took, so that it costs at most 1 % of a core; with
 * 1,000 peers it takes about 1 ms. */
#define CHECK_REST 100

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

static int mend_entries(struct overlay *o, struct err *err)
{
	auto_fdb want = {0}, have = {0}, set = {0}, del = {0};
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
	fdb_diff(&want, &have, &set, &del);
	keep_ripe(o, &del);
	o->mended += set.n + del.n;
	if (set.n + del.n)
		log_info("overlay", "mended forwarding entries: %zu written, %zu removed", set.n,
			 del.n);
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
	for (size_t i = 0; i < old.n; i++)
		if (overlay_network_del(o, old.v[i], &err) < 0)
			log_debug("overlay", "%s", err_text(&err)); /* a container still uses it */
	if (firewall_rewrite(o, true, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
}

void check_run(void *overlay)
{
	struct overlay *o = overlay;
	struct err err = {0};
	uint64_t start = clock_ms();
	peers_flush(o);
	int r = linkcheck_run(o, &err);
	if (r == 0)
		r = mend_entries(o, &err);
	if (r < 0)
		log_warn("overlay", "%s", err_text(&err));
	ingress_retry(o);
	if (firewall_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	if (!o->settled && clock_ms() - o->opened_ms >= HOST_SETTLE_MS)
		settle(o);
	uint64_t rest_ms = (clock_ms() - start) * CHECK_REST;
	timer_set(o->check, rest_ms > o->check_ms ? rest_ms : o->check_ms);
}
