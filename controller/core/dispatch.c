/* SPDX-License-Identifier: Apache-2.0
 * Who is to know what: marks become the parts of each node's next message. A node knows its tasks,
 * the networks they are on, all endpoints of these, the nodes that share one with it, and what is
 * published cluster-wide. Nothing is kept of what was sent but the version: a node that missed
 * something asks for a snapshot. */
#include "controller/core/drain.h"
#include "controller/core/secrets.h"
#include "controller/core/state.h"

#include <string.h>

#define CHUNK_BYTES (8u << 20) /* of one message; a frame holds 16 MiB */

struct round { /* endpoints whose text was made in this hand-out */
	struct attach **made;
	size_t n, cap;
};

void dispatch_mark(struct cluster *c, struct node *n)
{
	marks_add(&c->nodes_changed, n, &n->marked);
}

/* Is a change to be written for this node? If nobody listens it will need a snapshot. */
bool dispatch_listens(struct cluster *c, struct node *n)
{
	if (n->snapshot)
		return false;
	if (!n->connected) {
		n->stale = true;
		return false;
	}
	dispatch_mark(c, n);
	return true;
}

/* Entries are parted by ',', or by a newline where a message is to end: texts have none inside. */
static void entry_done(struct str *s, size_t start)
{
	/* The first entry that ends in a new chunk is the last of its message. */
	if (start / CHUNK_BYTES != s->len / CHUNK_BYTES)
		str_addc(s, '\n');
}

static void begin(struct str *s)
{
	if (s->len && s->data[s->len - 1] != '\n')
		str_addc(s, ',');
}

static void put_task(struct str *s, struct task *t)
{
	size_t start = s->len;
	begin(s);
	text_entry(s, KIND_TASK, t->id, NULL);
	str_add(s, ",\"obj\":");
	text_task(s, t);
	str_addc(s, '}');
	entry_done(s, start);
}

static void put_network(struct str *s, const struct network *n)
{
	size_t start = s->len;
	begin(s);
	text_entry(s, KIND_NETWORK, n->id, NULL);
	str_add(s, ",\"obj\":");
	text_network(s, n);
	str_addc(s, '}');
	entry_done(s, start);
}

static void put_peer(struct str *s, const struct node *n)
{
	size_t start = s->len;
	begin(s);
	text_entry(s, KIND_NODE, n->id, NULL);
	str_add(s, ",\"obj\":");
	text_peer(s, n);
	str_addc(s, '}');
	entry_done(s, start);
}

void dispatch_put(struct str *s, const char *entry)
{
	size_t start = s->len;
	begin(s);
	str_add(s, entry);
	entry_done(s, start);
}

static void put_endpoint(struct round *r, struct str *s, struct attach *a)
{
	if (!a->text) {
		struct str t = {0};
		text_entry(&t, KIND_ENDPOINT, a->task->id, a->net->id);
		str_add(&t, ",\"obj\":");
		text_endpoint(&t, a);
		str_addc(&t, '}');
		a->text = str_take(&t);
		r->made = vec_grow(r->made, r->n, &r->cap, sizeof(*r->made));
		r->made[r->n++] = a;
	}
	dispatch_put(s, a->text);
}

static void put_del(struct str *s, enum wire_kind kind, const char *id, const char *id2)
{
	size_t start = s->len;
	begin(s);
	text_entry(s, kind, id, id2);
	str_addc(s, '}');
	entry_done(s, start);
}

void dispatch_set(struct cluster *c, struct node *n, const char *entry)
{
	if (!dispatch_listens(c, n))
		return;
	dispatch_put(&n->set, entry);
	n->leads = true;
}

void dispatch_del(struct cluster *c, struct node *n, enum wire_kind kind, const char *id)
{
	if (!dispatch_listens(c, n))
		return;
	put_del(&n->del, kind, id, NULL);
	n->leads = true;
}

static void endpoint_gone(struct cluster *c, struct attach *a)
{
	if (!a->sent)
		return;
	a->sent = false;
	for (size_t i = 0; i < a->net->n_members; i++) {
		struct member *m = a->net->members[i];
		if (!m->sent || !dispatch_listens(c, m->node))
			continue;
		put_del(&m->node->del, KIND_ENDPOINT, a->task->id, a->net->id);
		m->node->leads = true;
	}
}

void dispatch_task_gone(struct cluster *c, struct task *t)
{
	ingress_count(c, t, false);
	for (size_t i = 0; i < t->n_attach; i++)
		endpoint_gone(c, &t->attach[i]);
	if (dispatch_listens(c, t->node))
		put_del(&t->node->del, KIND_TASK, t->id, NULL);
}

void dispatch_node_object(struct cluster *c, struct node *n)
{
	n->moved = true;
	dispatch_mark(c, n);
}

void dispatch_node(struct cluster *c, struct node *n)
{
	dispatch_node_object(c, n);
	ingress_node_moved(c, n);
	for (size_t i = 0; i < n->n_tasks; i++) {
		struct task *t = n->tasks[i];
		for (size_t k = 0; k < t->n_attach; k++)
			t->attach[k].force = true;
		task_mark(c, t, MARK_ENDPOINT);
	}
}

static void endpoint_changed(struct cluster *c, struct round *r, struct attach *a)
{
	bool ready = task_up(a->task);
	if (!task_visible(a->task) || a->handed) {
		endpoint_gone(c, a);
		return;
	}
	if (a->sent && a->sent_ready == ready && !a->force)
		return;
	a->sent = true;
	a->sent_ready = ready;
	a->force = false;
	for (size_t i = 0; i < a->net->n_members; i++) {
		struct member *m = a->net->members[i];
		if (!m->sent || !dispatch_listens(c, m->node))
			continue;
		put_endpoint(r, &m->node->set_ep, a);
		m->node->leads = true;
	}
}

static void send_task(struct cluster *c, struct task *t, bool led)
{
	if (t->stop && led && !t->draining && !t->drained)
		drain_add(c, t);
	if (t->draining || !t->node || !dispatch_listens(c, t->node))
		return;
	put_task(&t->node->set, t);
	t->node->stops |= t->stop;
}

static void collect_tasks(struct cluster *c, struct round *r)
{
	for (size_t i = 0; i < c->tasks_marked.n; i++) {
		struct task *t = c->tasks_marked.v[i];
		if (!t)
			continue;
		unsigned marks = t->marks;
		t->marks = 0;
		t->marked = NO_MARK;
		if (marks & MARK_ROW)
			row_task(c, t);
		bool led = drain_led(c, t);
		if (marks & MARK_ENDPOINT)
			ingress_count(c, t, task_up(t));
		for (size_t k = 0; (marks & MARK_ENDPOINT) && k < t->n_attach; k++)
			endpoint_changed(c, r, &t->attach[k]);
		if (marks & MARK_SEND)
			send_task(c, t, led);
	}
	c->tasks_marked.n = 0;
}

/* One message may not both set and delete: peers that come and go are settled when it is made. */
static void peer_touched(struct cluster *c, struct node *a, const struct node *b)
{
	if (!dispatch_listens(c, a))
		return;
	a->touched = vec_grow(a->touched, a->n_touched, &a->cap_touched, sizeof(*a->touched));
	a->touched[a->n_touched++] = b->ix;
}

static int by_number(const void *a, const void *b)
{
	const size_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void settle_peers(struct cluster *c, struct node *n)
{
	if (!n->n_touched)
		return;
	qsort(n->touched, n->n_touched, sizeof(*n->touched), by_number);
	for (size_t i = 0; i < n->n_touched; i++) {
		const struct node *peer = c->node_v[n->touched[i]];
		if (!peer || (i && n->touched[i] == n->touched[i - 1]))
			continue;
		if (n->peers[peer->ix])
			put_peer(&n->set, peer);
		else if (peer != n)
			put_del(&n->del, KIND_NODE, peer->id, NULL);
	}
	n->n_touched = 0;
}

/* A node that is removed goes while it can still be named. */
void dispatch_node_gone(struct cluster *c, const struct node *gone)
{
	for (size_t i = 0; i < c->n_node_v; i++) {
		struct node *n = c->node_v[i];
		if (n && n != gone)
			settle_peers(c, n);
	}
}

static uint32_t *pair(struct cluster *c, struct node *a, const struct node *b)
{
	if (b->ix >= a->n_peers) {
		a->peers = xreallocarray(a->peers, c->n_node_v, sizeof(*a->peers));
		memset(a->peers + a->n_peers, 0, (c->n_node_v - a->n_peers) * sizeof(*a->peers));
		a->n_peers = c->n_node_v;
	}
	return &a->peers[b->ix];
}

static void meet(struct cluster *c, struct node *a, const struct node *b)
{
	uint32_t *p = pair(c, a, b);
	if ((*p)++ == 0)
		peer_touched(c, a, b);
}

static void part_ways(struct cluster *c, struct node *a, const struct node *b)
{
	uint32_t *p = pair(c, a, b);
	if (--*p == 0)
		peer_touched(c, a, b);
}

static void member_joined(struct cluster *c, struct round *r, struct member *m)
{
	struct network *net = m->net;
	struct node *n = m->node;
	m->sent = true;
	for (size_t i = 0; i < net->n_members; i++) {
		struct member *o = net->members[i];
		if (o == m || !o->sent)
			continue;
		meet(c, n, o->node);
		meet(c, o->node, n);
	}
	if (!dispatch_listens(c, n))
		return;
	put_network(&n->set, net);
	for (size_t i = 0; i < net->n_attaches; i++)
		if (net->attaches[i]->sent)
			put_endpoint(r, &n->set_ep, net->attaches[i]);
}

static void member_left(struct cluster *c, struct member *m)
{
	struct network *net = m->net;
	struct node *n = m->node;
	for (size_t i = 0; i < net->n_members; i++) {
		struct member *o = net->members[i];
		if (o == m || !o->sent)
			continue;
		part_ways(c, n, o->node);
		part_ways(c, o->node, n);
	}
	if (dispatch_listens(c, n)) {
		for (size_t i = 0; i < net->n_attaches; i++)
			if (net->attaches[i]->sent)
				put_del(&n->del, KIND_ENDPOINT, net->attaches[i]->task->id,
					net->id);
		put_del(&n->del, KIND_NETWORK, net->id, NULL);
	}
}

static void collect_members(struct cluster *c, struct round *r)
{
	for (size_t i = 0; i < c->members_marked.n; i++) {
		struct member *m = c->members_marked.v[i];
		if (!m)
			continue;
		marks_del(&c->members_marked, &m->marked);
		if (m->refs && !m->sent)
			member_joined(c, r, m);
		else if (!m->refs && m->sent)
			member_left(c, m);
		if (!m->refs)
			member_free(c, m);
	}
	c->members_marked.n = 0;
}

static void collect_moved(struct cluster *c)
{
	for (size_t i = 0; i < c->nodes_changed.n; i++) {
		struct node *n = c->nodes_changed.v[i];
		if (!n || !n->moved)
			continue;
		n->moved = false;
		if (dispatch_listens(c, n))
			put_peer(&n->set, n);
		for (size_t k = 0; k < n->n_peers; k++)
			if (n->peers[k] && c->node_v[k] && dispatch_listens(c, c->node_v[k]))
				put_peer(&c->node_v[k]->set, n);
	}
}

static void round_done(struct round *r)
{
	for (size_t i = 0; i < r->n; i++)
		free_and_null(&r->made[i]->text);
	free(r->made);
}

void dispatch_collect(struct cluster *c)
{
	struct round r = {0};
	collect_tasks(c, &r);
	collect_members(c, &r);
	collect_moved(c);
	round_done(&r);
}

static void fill_snapshot(struct cluster *c, struct round *r, struct node *n)
{
	str_clear(&n->set);
	str_clear(&n->set_ep);
	str_clear(&n->del);
	n->n_touched = 0;
	for (size_t i = 0; i < n->n_tasks; i++)
		put_task(&n->set, n->tasks[i]);
	put_peer(&n->set, n);
	for (size_t i = 0; i < n->n_peers; i++)
		if (n->peers[i] && c->node_v[i])
			put_peer(&n->set, c->node_v[i]);
	ingress_snapshot(c, &n->set);
	holders_snapshot(c, n, &n->set);
	map_each(&n->members, e)
	{
		const struct member *m = e->val;
		put_network(&n->set, m->net);
		for (size_t i = 0; i < m->net->n_attaches; i++)
			if (m->net->attaches[i]->sent)
				put_endpoint(r, &n->set_ep, m->net->attaches[i]);
	}
}

/* One message, of the list from *at up to where it may be cut. */
static void send_chunk(struct cluster *c, struct node *n, bool snapshot, const struct str *list,
		       size_t *at, const char *member)
{
	struct cluster_out *o = &c->out;
	struct str s = {0};
	const char *from = list->data + *at;
	size_t left = list->len - *at;
	const char *end = left ? memchr(from, '\n', left) : NULL;
	size_t len = end ? (size_t)(end - from) : left;
	str_addf(&s, "{\"version\":%lld", (long long)n->version + 1);
	if (!snapshot)
		str_addf(&s, ",\"prev\":%lld", (long long)n->version);
	str_addf(&s, ",\"%s\":[", member);
	str_addn(&s, len ? from : "", len);
	*at += end ? len + 1 : len;
	str_addc(&s, ']');
	if (*at < list->len)
		str_add(&s, ",\"more\":true");
	if (n->leads && c->drain_now)
		str_add(&s, ",\"ack\":true");
	n->version++;
	o->sends = vec_grow(o->sends, o->n_sends, &o->cap_sends, sizeof(*o->sends));
	bool both = *at == list->len && !end && streq(member, "set") && n->del.len &&
		    !memchr(n->del.data, '\n', n->del.len);
	if (both) {
		str_addf(&s, ",\"del\":[%s]", n->del.data);
		str_clear(&n->del);
	}
	str_addc(&s, '}');
	o->sends[o->n_sends++] = (struct cluster_send){xstrdup(n->id), WIRE_ASSIGN, str_take(&s)};
}

static void emit(struct cluster *c, struct round *r, struct node *n)
{
	bool snapshot = n->snapshot;
	n->leads |= snapshot;
	if (snapshot)
		fill_snapshot(c, r, n);
	else
		settle_peers(c, n);
	/* A snapshot starts with the tasks: those that its first message lacks would be stopped. In
	 * changes endpoints go first: one that stops is out of the names before it is told. */
	struct str *first = snapshot ? &n->set : &n->set_ep,
		   *second = snapshot ? &n->set_ep : &n->set;
	if (second->len) {
		begin(first);
		str_addn(first, second->data, second->len);
	}
	size_t at = 0, del_at = 0;
	while (at < first->len || snapshot) {
		send_chunk(c, n, snapshot, first, &at, "set");
		snapshot = false;
	}
	while (del_at < n->del.len)
		send_chunk(c, n, false, &n->del, &del_at, "del");
	if (n->leads)
		drain_sent(c, n, n->version);
	n->snapshot = n->stale = n->stops = n->leads = false;
	str_done(&n->set);
	str_done(&n->set_ep);
	str_done(&n->del);
}

static void forget(struct node *n)
{
	if (n->set.len || n->set_ep.len || n->del.len || n->n_touched || n->snapshot)
		n->stale = true;
	n->snapshot = n->stops = n->leads = false;
	n->n_touched = 0;
	str_done(&n->set);
	str_done(&n->set_ep);
	str_done(&n->del);
}

void dispatch_emit(struct cluster *c)
{
	struct round r = {0};
	ingress_collect(c);
	holders_collect(c);
	drain_begin(c);
	/* Nodes that stop something come last: the others have put it out of their names by then. */
	for (int stops = 0; stops <= 1; stops++)
		for (size_t i = 0; i < c->nodes_changed.n; i++) {
			struct node *n = c->nodes_changed.v[i];
			if (!n || n->stops != (stops == 1))
				continue;
			marks_del(&c->nodes_changed, &n->marked);
			if (!n->connected)
				forget(n);
			else if (n->snapshot || n->set.len || n->set_ep.len || n->del.len ||
				 n->n_touched)
				emit(c, &r, n);
		}
	c->nodes_changed.n = 0;
	round_done(&r);
}
