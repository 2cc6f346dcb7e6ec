/* SPDX-License-Identifier: Apache-2.0
 * Which node is handed which sealed version: those whose tasks use it, and no other; see secrets.h. */
#include "base/num.h"
#include "controller/core/sealing.h"
#include "controller/core/secrets.h"

#include <string.h>

static void holder_ref(struct cluster *c, struct node *n, const char *version)
{
	struct holder *h = map_get(&n->holders, version);
	struct version *v = map_get(&c->versions, version);
	if (!v)
		return;
	if (!h) {
		h = xcalloc(1, sizeof(*h));
		*h = (struct holder){.node = n, .version = v, .marked = NO_MARK};
		n->holders.free_val = free;
		map_set(&n->holders, version, h);
	}
	if (h->refs++ == 0)
		marks_add(&c->holders_marked, h, &h->marked);
	version_ref(c, version);
}

static void holder_unref(struct cluster *c, struct node *n, const char *version)
{
	struct holder *h = map_get(&n->holders, version);
	if (!h || !h->refs)
		return;
	if (--h->refs == 0)
		marks_add(&c->holders_marked, h, &h->marked);
	version_unref(c, version);
}

void holders_task(struct cluster *c, const struct task *t, struct node *n, bool add)
{
	const struct spec_service *s = &t->tmpl->spec;
	for (size_t i = 0; i < s->n_secrets + s->n_configs; i++) {
		const char *version = i < s->n_secrets ? s->secrets[i].version
						       : s->configs[i - s->n_secrets].version;
		if (version && add)
			holder_ref(c, n, version);
		else if (version)
			holder_unref(c, n, version);
	}
}

static void holder_drop(struct cluster *c, struct holder *h)
{
	char version[SEALED_VERSION + 1];
	memcpy(version, h->version->s.version, sizeof(version));
	marks_del(&c->holders_marked, &h->marked);
	map_del(&h->node->holders, version);
}

void holders_forget(struct cluster *c, struct node *n)
{
	map_each(&n->holders, e)
	{
		struct holder *h = e->val;
		marks_del(&c->holders_marked, &h->marked);
	}
	map_clear(&n->holders);
}

/* As an entry of a message, its key sealed to the node alone; NULL: that cannot be done, because the
 * node has not said its key or the cluster's is not the one that it was sealed to. */
static char *text_of(const struct cluster *c, const struct holder *h)
{
	unsigned char pub[CRYPTO_KEY];
	const struct sealed *from = &h->version->s;
	const char *announced = h->node->info.seal_key;
	if (!from->data || !c->cfg.sealing || !announced ||
	    !hex_decode(announced, pub, sizeof(pub)))
		return NULL;
	struct sealed to = *from;
	if (!sealing_rewrap(c->cfg.sealing, from->key, pub, to.key))
		return NULL;
	struct str s = {0};
	text_entry(&s, KIND_SEALED, from->version, NULL);
	str_add(&s, ",\"obj\":");
	sealed_write(&to, &s);
	str_addc(&s, '}');
	return str_take(&s);
}

void holders_collect(struct cluster *c)
{
	for (size_t i = 0; i < c->holders_marked.n; i++) {
		struct holder *h = c->holders_marked.v[i];
		if (!h)
			continue;
		marks_del(&c->holders_marked, &h->marked);
		if (h->refs && !h->sent) {
			h->sent = true;
			auto_free char *text = dispatch_listens(c, h->node) ? text_of(c, h) : NULL;
			if (text)
				dispatch_put(&h->node->set, text);
		} else if (!h->refs) {
			if (h->sent)
				dispatch_del(c, h->node, KIND_SEALED, h->version->s.version);
			holder_drop(c, h);
		}
	}
	c->holders_marked.n = 0;
}

void holders_snapshot(struct cluster *c, struct node *n, struct str *set)
{
	map_each(&n->holders, e)
	{
		struct holder *h = e->val;
		auto_free char *text = h->refs ? text_of(c, h) : NULL;
		h->sent = true;
		if (text)
			dispatch_put(set, text);
	}
}
