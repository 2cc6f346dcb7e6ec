/* SPDX-License-Identifier: Apache-2.0
 * The timer that compares what the kernel has with what should be, mends the difference and counts
 * it: forwarding and neighbour entries; links and the packet filter are in files of their own. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/host.h"
#include <string.h>
#include <time.h>

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

/* What must be written and what has no place, of all networks, read by nl. */
static int compare_entries(const struct overlay *o, struct nlsock *nl, struct fdb_list *set,
			   struct fdb_list *del, struct err *err)
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
	int r = fdb_read(nl, is_owned, &owner, &have, err);
	free(owner.v);
	if (r == 0)
		fdb_diff(&want, &have, set, del);
	return r;
}

static int mend_entries(struct overlay *o, struct err *err)
{
	auto_fdb set = {0}, del = {0};
	int r = compare_entries(o, o->nl, &set, &del, err);
	if (r < 0)
		return r;
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

static size_t entries_of(const struct network *n, const struct fdb_list *l)
{
	size_t count = 0;
	for (size_t i = 0; i < l->n; i++)
		count += l->v[i].dev == n->bridge_index || l->v[i].dev == n->vxlan_index;
	return count;
}

int overlay_compare(const struct overlay *o, void (*each)(const char *id, const char *text, void *),
		    void *arg, struct err *err)
{
	auto_nlsock *nl = NULL;
	auto_fdb set = {0}, del = {0};
	int r = nlsock_open(&nl, err);
	if (r == 0)
		r = compare_entries(o, nl, &set, &del, err);
	if (r < 0)
		return r;
	map_each(&o->networks, e)
	{
		const struct network *n = e->val;
		struct link_info b = {0}, v = {0};
		struct vxlan_spec want;
		size_t missing = entries_of(n, &set), stray = entries_of(n, &del);
		network_vxlan(o, n, &want);
		if (link_find(nl, n->bridge, &b, NULL) < 0 || !b.up)
			each(n->id, "its bridge is missing or down", arg);
		else if (link_find(nl, n->vxlan, &v, NULL) < 0 || !v.up || v.master != b.index ||
			 !vxlan_right(&v, &want))
			each(n->id, "its VXLAN link is missing, down or not as it should be", arg);
		else if (b.mtu != network_mtu(o, n) || v.mtu != network_mtu(o, n))
			each(n->id, "a link has another MTU than the network", arg);
		if (missing + stray) {
			auto_free char *text = xasprintf(
				"forwarding and neighbour tables differ from what the controller "
				"holds: %zu entries missing or false, %zu too many",
				missing, stray);
			each(n->id, text, arg);
		}
	}
	return 0;
}

void overlay_check(struct overlay *o)
{
	check_run(o);
}

/* Of this thread, the kernel's part included: a host that is busy otherwise is no reason to rest. */
static uint64_t cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void check_run(void *overlay)
{
	struct overlay *o = overlay;
	struct err err = {0};
	uint64_t start = cpu_ms(), mended = o->mended;
	peers_flush(o);
	if (tunnel_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	int r = linkcheck_run(o, &err);
	if (r == 0)
		r = mend_entries(o, &err);
	if (r < 0)
		log_warn("overlay", "%s", err_text(&err));
	ingress_retry(o);
	if (firewall_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	if (viproute_check(o, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	if (!o->settled && clock_ms() - o->opened_ms >= HOST_SETTLE_MS)
		settle(o);
	/* Where something was wrong, more may be: the next look comes soon. */
	uint64_t rest_ms = o->mended != mended ? 0 : (cpu_ms() - start) * CHECK_REST;
	timer_set(o->check, rest_ms > o->check_ms ? rest_ms : o->check_ms);
}
