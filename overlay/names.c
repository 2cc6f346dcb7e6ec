/* SPDX-License-Identifier: Apache-2.0
 * The names of one network; see names.h. */
#include "overlay/names.h"
#include "base/mem.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

struct name {
	size_t n, next;
	uint16_t port;
	struct ipaddr v[];
};

void names_init(struct names *n)
{
	*n = (struct names){.by_name = {.free_val = free}};
}

void names_done(struct names *n)
{
	map_clear(&n->by_name);
}

static bool lower(const char *name, char out[NAMES_LABEL_MAX + 1])
{
	size_t len = strlen(name);
	if (len && name[len - 1] == '.')
		len--;
	if (len == 0 || len > NAMES_LABEL_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	out[len] = '\0';
	return true;
}

int names_set(struct names *n, const char *name, const struct ipaddr *addrs, size_t count,
	      bool keep)
{
	return names_set_srv(n, name, 0, addrs, count, keep);
}

int names_set_srv(struct names *n, const char *name, uint16_t port, const struct ipaddr *addrs,
		  size_t count, bool keep)
{
	char key[NAMES_LABEL_MAX + 1];
	if (!lower(name, key) || count > NAMES_ADDR_MAX)
		return -EINVAL;
	if (count == 0 && !keep) {
		map_del(&n->by_name, key);
		return 0;
	}
	struct name *v = xcalloc(1, sizeof(*v) + count * sizeof(v->v[0]));
	const struct name *old = map_get(&n->by_name, key);
	v->n = count;
	v->port = port;
	v->next = old && count ? old->next % count : 0;
	if (count)
		memcpy(v->v, addrs, count * sizeof(v->v[0]));
	map_set(&n->by_name, key, v);
	return 0;
}

bool names_find(struct names *n, const char *name, struct names_found *ret)
{
	char key[NAMES_LABEL_MAX + 1];
	struct name *v = lower(name, key) ? map_get(&n->by_name, key) : NULL;
	if (!v)
		return false;
	*ret = (struct names_found){.v = v->v, .n = v->n, .first = v->next, .port = v->port};
	if (v->n)
		v->next = (v->next + 1) % v->n;
	return true;
}

const char *names_of(const struct names *n, const struct ipaddr *ip)
{
	const char *shared = NULL;
	map_each(&n->by_name, e)
	{
		const struct name *v = e->val;
		for (size_t i = 0; i < v->n && !v->port; i++) {
			if (!ipaddr_equal(&v->v[i], ip))
				continue;
			if (v->n == 1)
				return e->key;
			shared = shared ? shared : e->key;
		}
	}
	return shared;
}
