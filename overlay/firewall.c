/* SPDX-License-Identifier: Apache-2.0
 * The host's nftables tables, kept equal to what is in memory. The texts are rules.c's. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/host.h"
#include "overlay/rules.h"
#include <arpa/inet.h>

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
		rules_network(script, true, n->bridge, n->spec.internal);
	}
	map_each(&o->sandboxes, e) sandbox_rules(o, e->val, true, script);
	map_each(&o->members, e)
	{
		struct in_addr ip;
		if (inet_pton(AF_INET, e->key, &ip) == 1)
			rules_member(script, true, ip);
	}
}

int firewall_rewrite(struct overlay *o, bool members, struct err *err)
{
	auto_str script = {0}, now = {0};
	rules_base(&script, o->vxlan_port);
	rules_flush(&script, members);
	all_elements(o, &script);
	int r = nft_run(o->nft, script.data, err);
	if (r < 0)
		return err_wrap(err, r, "cannot write the packet filter");
	r = list_tables(o, &now, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read the packet filter");
	free(o->tables);
	o->tables = str_take(&now);
	return 0;
}

int firewall_open(struct overlay *o, struct err *err)
{
	int r = nft_open(&o->nft, err);
	/* The members stay until the peers were set again: running containers go on talking. */
	return r < 0 ? r : firewall_rewrite(o, false, err);
}

int firewall_apply(struct overlay *o, const char *script, struct err *err)
{
	struct err why = {0};
	if (!script || nft_run(o->nft, script, &why) == 0)
		return 0;
	/* Someone changed the tables below us: write all of them again, which includes this. */
	log_debug("overlay", "rewriting the packet filter: %s", err_text(&why));
	o->mended++;
	return firewall_rewrite(o, o->settled, err);
}

bool firewall_intact(struct overlay *o)
{
	auto_str now = {0};
	return list_tables(o, &now, NULL) == 0 && streq(now.data, o->tables);
}
