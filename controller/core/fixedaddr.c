/* SPDX-License-Identifier: Apache-2.0
 * Who wants and who has which address; see fixedaddr.h. */
#include "controller/core/fixedaddr.h"

#include <errno.h>
#include <string.h>

static void count(struct network *n, const char *text, bool add)
{
	char key[IPADDR_TEXT];
	struct ipaddr a;
	if (!ipaddr_parse(text, &a))
		return;
	ipaddr_format(&a, key);
	uintptr_t had = (uintptr_t)map_get(&n->wanted, key);
	if (add || had > 1)
		map_set(&n->wanted, key, (void *)(add ? had + 1 : had - 1)); /* NOLINT */
	else
		map_del(&n->wanted, key);
}

void fixedaddr_count(struct network *n, const struct spec_attach *a, bool add)
{
	count(n, a->ipv4_address, add);
	count(n, a->ipv6_address, add);
}

bool fixedaddr_wanted(const struct network *n, const struct ipaddr *a)
{
	char key[IPADDR_TEXT];
	return n->wanted.n && map_has(&n->wanted, ipaddr_format(a, key));
}

int fixedaddr_skip4(struct network *n, int (*take)(struct ipam_subnet *, uint32_t *), uint32_t *ret)
{
	uint32_t *passed = xcalloc(n->wanted.n + 1, sizeof(*passed));
	size_t n_passed = 0;
	int rc;
	while ((rc = take(&n->subnet, ret)) == 0) {
		struct ipaddr a = ipam_addr(*ret);
		if (!fixedaddr_wanted(n, &a))
			break;
		passed[n_passed++] = *ret;
	}
	while (n_passed)
		ipam_give(&n->subnet, passed[--n_passed]);
	free(passed);
	return rc;
}

int fixedaddr_skip6(struct network *n, int (*take)(struct ipam6 *, struct ipaddr *),
		    struct ipaddr *ret)
{
	struct ipaddr *passed = xcalloc(n->wanted.n + 1, sizeof(*passed));
	size_t n_passed = 0;
	int rc;
	while ((rc = take(&n->subnet6, ret)) == 0 && fixedaddr_wanted(n, ret))
		passed[n_passed++] = *ret;
	while (n_passed)
		ipam6_give(&n->subnet6, &passed[--n_passed]);
	free(passed);
	return rc;
}

static bool has(uint32_t ip, const struct ipaddr *ip6, const struct ipaddr *a)
{
	struct ipaddr v4 = ipam_addr(ip);
	return (ip && ipaddr_equal(&v4, a)) || (ipaddr_is_set(ip6) && ipaddr_equal(ip6, a));
}

static char *task_text(const struct task *t)
{
	auto_free char *name = task_name(t);
	const char *node = t->node ? t->node->name : "no node";
	if (t->lost)
		return xasprintf("held by the task '%s' on '%s', which is down; when that is gone "
				 "for good, `carrack nodes rm %s`",
				 name, node, node);
	if (t->stop)
		return xasprintf("held by the task '%s' on '%s' until that has stopped", name,
				 node);
	return xasprintf("held by the task '%s' on '%s'; choose another address", name, node);
}

static char *vip_text(const struct cluster *c, const struct network *n, const struct ipaddr *a)
{
	map_each(&c->stacks, e)
	{
		const struct stack *s = e->val;
		map_each(&s->services, k)
		{
			const struct vip *v = vip_of(k->val, n);
			if (v && has(v->ip, &v->ip6, a))
				return xasprintf("the VIP of the service '%s' of the stack '%s'; "
						 "choose another address",
						 k->key, s->name);
		}
	}
	return NULL;
}

char *fixedaddr_holder(const struct cluster *c, const struct network *n, const struct ipaddr *a)
{
	for (size_t i = 0; i < n->n_attaches; i++)
		if (has(n->attaches[i]->ip, &n->attaches[i]->ip6, a))
			return task_text(n->attaches[i]->task);
	return n->n_vips ? vip_text(c, n, a) : NULL;
}
