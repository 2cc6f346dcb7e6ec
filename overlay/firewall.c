/* SPDX-License-Identifier: Apache-2.0
 * The host's nftables tables, kept equal to what is in memory. The texts are rules.c's. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/elements.h"
#include "overlay/host.h"
#include "overlay/nftgen.h"
#include "overlay/rules.h"

static int list_tables(struct overlay *o, struct str *out, struct err *err)
{
	int r = nft_list(o->nft, "list table inet ck_overlay", out, err);
	return r < 0 ? r : nft_list(o->nft, "list table bridge ck_overlay", out, err);
}

static void all_elements(struct overlay *o, struct str *script)
{
	map_each(&o->networks, e)
	{
		const struct network *n = e->val;
		network_rules(n, true, script);
	}
	map_each(&o->sandboxes, e) sandbox_rules(o, e->val, true, script);
	ingress_rules(o, script);
	map_each(&o->members, e)
	{
		struct ipaddr ip;
		if (ipaddr_parse(e->key, &ip))
			rules_member(script, true, &ip);
	}
}

/* The listing without its elements is remembered as it should be; those are checked on their own. */
static int remember_tables(struct overlay *o, struct err *err)
{
	auto_str now = {0}, rest = {0};
	auto_elements have = {0};
	int r = list_tables(o, &now, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read the packet filter");
	elements_of_listing(&have, now.data, &rest);
	free(o->tables);
	o->tables = str_take(&rest);
	return 0;
}

int firewall_rewrite(struct overlay *o, bool members, struct err *err)
{
	auto_str script = {0};
	rules_base(&script, o->vxlan_port, &o->underlay.ip);
	rules_flush(&script, members);
	all_elements(o, &script);
	o->nft_seen = 0; /* the next check looks again */
	int r = nft_run(o->nft, script.data, err);
	return r < 0 ? err_wrap(err, r, "cannot write the packet filter") : remember_tables(o, err);
}

int firewall_open(struct overlay *o, struct err *err)
{
	o->nft_gen = nftgen_open(err);
	if (o->nft_gen < 0)
		return o->nft_gen;
	int r = nft_open(&o->nft, err);
	/* The members stay until the peers were set again: running containers go on talking. */
	return r < 0 ? r : firewall_rewrite(o, false, err);
}

int firewall_apply(struct overlay *o, const char *script, struct err *err)
{
	struct err why = {0};
	uint32_t before = 0, after = 0;
	if (!script)
		return 0;
	(void)nftgen_read(o->nft_gen, &before);
	if (nft_run(o->nft, script, &why) == 0) {
		/* One transaction since the last look and it was ours: nothing new to look at. */
		if (before && before == o->nft_seen && nftgen_read(o->nft_gen, &after) == 0 &&
		    after - before <= 1)
			o->nft_seen = after;
		return 0;
	}
	/* Someone changed the tables below us: write all of them again, which includes this. */
	log_info("overlay", "mended the packet filter: %s", err_text(&why));
	o->mended++;
	return firewall_rewrite(o, o->settled, err);
}

static int mend(struct overlay *o, const char *listing, struct err *err)
{
	auto_str rest = {0}, script = {0}, wanted = {0};
	auto_elements have = {0}, want = {0};
	elements_of_listing(&have, listing, &rest);
	if (!streq(rest.data, o->tables)) {
		if (!check_found(o, NULL, 1, "the rules of the packet filter"))
			return 0;
		/* If members were lost too, they are written from the peers that are known. */
		return firewall_rewrite(o, o->settled, err);
	}
	all_elements(o, &wanted);
	elements_of_script(&want, wanted.data);
	/* Until the peers were set again, members of an earlier life stay. */
	size_t n =
		elements_diff(&want, &have, o->settled ? NULL : "inet ck_overlay members", &script);
	if (n == 0 || !check_found(o, NULL, n, "the packet filter: %zu elements", n))
		return 0;
	o->nft_seen = 0;
	return nft_run(o->nft, script.data, err);
}

int firewall_check(struct overlay *o, struct err *err)
{
	uint32_t now = 0;
	auto_str listing = {0};
	int r = nftgen_read(o->nft_gen, &now);
	if (r == 0 && now == o->nft_seen)
		return 0;
	o->nft_seen = r < 0 ? 0 : now;
	if (list_tables(o, &listing, NULL) == 0)
		return mend(o, listing.data, err);
	if (!check_found(o, NULL, 1, "the packet filter: a table was gone"))
		return 0;
	return firewall_rewrite(o, o->settled, err);
}
