/* SPDX-License-Identifier: Apache-2.0
 * Nodes and the physical network; see lan.h. */
#include "controller/sched/lan.h"

#include <stdio.h>
#include <string.h>

static const char *get(const struct kvlist *l, const char *key)
{
	const struct kv *kv = l ? kvlist_find(l, key) : NULL;
	return kv ? kv->v ? kv->v : "" : NULL;
}

static bool one_refuses(const struct spec_network *net, const struct sched_node *n,
			char why[LAN_WHY])
{
	const char *parent = spec_network_parent(net), *text;
	enum spec_lan lan = spec_network_lan(net);
	char front[16] = "";
	size_t len;
	unsigned vlan;
	text = get(n->no_driver, spec_lan_name(lan));
	if (text) {
		snprintf(why, LAN_WHY, "%.250s", text);
		return true;
	}
	if (!spec_parent_parse(parent, &len, &vlan))
		return false;
	text = get(n->parents, parent);
	bool made = !text && vlan;
	if (made) { /* the agent makes the VLAN where what it is on is there */
		snprintf(front, sizeof(front), "%.*s", (int)len, parent);
		text = get(n->parents, front);
		if (text && get(n->no_driver, "vlan"))
			text = get(n->no_driver, "vlan");
	}
	if (!text)
		snprintf(why, LAN_WHY, "it has no interface '%.40s'", made ? front : parent);
	else if (*text)
		snprintf(why, LAN_WHY, "'%.40s': %.200s", made ? front : parent, text);
	else if (!made && lan == LAN_BRIDGE && (text = get(n->no_bridge, parent)) != NULL)
		snprintf(why, LAN_WHY, "'%.40s': %.240s", parent, text);
	else
		return false;
	return true;
}

bool lan_refuses(const struct spec_service *s, const struct sched_node *n, char why[LAN_WHY])
{
	for (size_t i = 0; i < s->n_lans; i++)
		if (one_refuses(s->lans[i], n, why))
			return true;
	return false;
}
