/* SPDX-License-Identifier: Apache-2.0
 * The steps of a trace: what both nodes hold, then a probe that both watch. Told by nettraceout.c. */
#include "cli/nettrace.h"
#include "base/num.h"
#include "cli/nettraceout.h"
#include "cli/resolve.h"
#include "cli/session.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_FIRST 33000 /* where probes come from */
#define PORT_COUNT 28000

struct trace {
	struct client *c;
	struct loop *loop;
	json_t *nodes, *tasks;
	const json_t *from, *to; /* tasks; to NULL: none is known to be meant */
	const json_t *dst;       /* what FROM's node said of the target */
	json_t *result;          /* see nettraceout.h */
	json_t *probe;
	size_t open;
	bool far_ready; /* the far node watches */
};

struct part { /* one session */
	struct trace *t;
	const char *node, *side; /* "from" or "to" */
	void (*ended)(struct part *p);
};

static const json_t *task_by_id(const json_t *tasks, const char *id)
{
	const json_t *it;
	size_t i;

	json_array_foreach(tasks, i, it)
	{
		if (id && streq(json_str(it, "id"), id))
			return it;
	}
	return NULL;
}

static void add_hop(struct trace *t, const char *node, const char *side, const char *hop,
		    const char *state, const char *text, const char *fix)
{
	json_t *h = json_object();

	json_put_str(h, "node", node);
	json_put_str(h, "side", side);
	json_put_str(h, "hop", hop);
	json_put_str(h, "state", state);
	json_put_str(h, "text", text);
	json_put_str(h, "fix", fix);
	json_array_append_new(json_object_get(t->result, "hops"), h);
}

static void take_seen(struct trace *t, const struct part *p, const json_t *j)
{
	json_t *s = json_object();

	json_put_str(s, "node", p->node);
	json_put_str(s, "side", p->side);
	json_put_str(s, "hop", json_str(j, "seen"));
	json_object_set(s, "there", json_object_get(j, "there"));
	json_object_set(s, "back", json_object_get(j, "back"));
	json_array_append_new(json_object_get(t->result, "seen"), s);
}

static void send_probe(struct trace *t);

static void on_line(const json_t *j, void *arg)
{
	struct part *p = arg;
	struct trace *t = p->t;

	if (json_object_get(j, "dst")) {
		json_object_set(t->result, "to", json_object_get(j, "dst"));
		t->dst = json_object_get(t->result, "to");
	} else if (json_object_get(j, "seen")) {
		take_seen(t, p, j);
	} else if (json_object_get(j, "answer")) {
		json_object_set(t->result, "answer", json_object_get(j, "answer"));
		json_object_set(t->result, "answer_text", json_object_get(j, "text"));
		json_object_set(t->result, "vip_answer", json_object_get(j, "vip"));
	} else if (json_object_get(j, "ready")) {
		t->far_ready = true;
		send_probe(t);
	} else {
		add_hop(t, p->node, p->side, json_str(j, "hop"), json_str(j, "state"),
			json_str(j, "text"), json_str(j, "fix"));
	}
}

static void on_end(int code, const char *why, void *arg)
{
	struct part *p = arg;
	struct trace *t = p->t;

	(void)code;
	if (why)
		add_hop(t, p->node, p->side, "agent", "away", why, NULL);
	if (p->ended)
		p->ended(p);
	free(p);
	if (--t->open == 0)
		loop_stop(t->loop);
}

/* A node that is down is not asked: it is said, and the rest goes on. */
static bool ask(struct trace *t, const char *node, const char *side, json_t *options_taken,
		void (*ended)(struct part *))
{
	auto_json *options = options_taken;
	struct part *p = xcalloc(1, sizeof(*p));
	struct err err = {0};
	const struct session_ask s = {.node = node,
				      .kind = "net-trace",
				      .options = options,
				      .line = on_line,
				      .end = on_end,
				      .arg = p};
	const json_t *n;
	size_t i;

	*p = (struct part){.t = t, .node = node, .side = side, .ended = ended};
	json_array_foreach(t->nodes, i, n)
	{
		if (streq(json_str(n, "name"), node) && streq(json_str(n, "state"), "down"))
			err_set(&err, -EHOSTDOWN,
				"its agent is away, so what this node holds is not seen; "
				"containers "
				"and network there may work on (see `carrack nodes`)");
	}
	if (!err.code && !session_start(t->c, t->loop, &s, &err)) {
		t->open++;
		return true;
	}
	add_hop(t, node, side, "agent", "away", err_text(&err), NULL);
	free(p);
	return false;
}

static void run(struct trace *t)
{
	if (t->open)
		loop_run(t->loop);
}

static json_t *options(const struct trace *t, const char *part, const json_t *container,
		       const char *to)
{
	json_t *o = json_object();

	json_put_str(o, "part", part);
	json_put_str(o, "container", json_str(container, "id"));
	json_put_str(o, "to", to);
	json_object_set(o, "probe", t->probe);
	return o;
}

static const char *target_ip(const struct trace *t)
{
	const char *ip = json_str(t->dst, "task_ip");

	return ip ? ip : json_str(t->dst, "ip");
}

static void send_probe(struct trace *t)
{
	json_t *o = options(t, "probe", t->from, target_ip(t));

	if (json_bool(t->dst, "vip", false) && json_object_get(t->probe, "port"))
		json_put_str(o, "through", json_str(t->dst, "ip"));
	ask(t, json_str(t->from, "node"), "from", o, NULL);
}

/* The far side could not watch: the probe is sent all the same. */
static void far_ended(struct part *p)
{
	if (!p->t->far_ready && target_ip(p->t))
		send_probe(p->t);
}

/* Address of the task to on a network that both are on; NULL: there is none. */
static const char *shared_address(const json_t *from, const json_t *to)
{
	const json_t *a, *b;
	size_t i, k;

	json_array_foreach(json_object_get(from, "addresses"), i, a)
	{
		json_array_foreach(json_object_get(to, "addresses"), k, b)
		{
			const char *ip = json_str(b, "ip");

			if (streq(json_str(a, "network"), json_str(b, "network")))
				return ip ? ip : json_str(b, "ip6");
		}
	}
	return NULL;
}

static int parse_port(const char *text, json_t *probe, struct err *err)
{
	auto_free char *number = text ? xstrndup(text, strcspn(text, "/")) : NULL;
	const char *proto = text && strchr(text, '/') ? strchr(text, '/') + 1 : "tcp";
	int64_t port = 0;

	json_put_int(probe, "id", PORT_FIRST + (int64_t)((unsigned)getpid() % PORT_COUNT));
	json_put_str(probe, "proto", text ? proto : "icmp");
	if (!text)
		return 0;
	if (!num_parse_i64(number, 1, 65535, &port) ||
	    (!streq(proto, "tcp") && !streq(proto, "udp")))
		return err_set(err, -EINVAL, "'%s' is no port; write 80 or 53/udp", text);
	json_put_int(probe, "port", port);
	return 0;
}

/* Running, or at least somewhere: a task of a node that is away has a successor that waits. */
static int rank(const json_t *task)
{
	bool placed = json_str(task, "node") && json_array_size(json_object_get(task, "addresses"));

	return streq(json_str(task, "state"), "running") ? 2 : placed;
}

/* The best of the tasks that name means, and of those of the same name; NULL: none. */
static const json_t *pick(const json_t *tasks, const char *name, struct err *err)
{
	auto_json *found = NULL;
	const json_t *best = NULL, *it, *other;
	size_t i, k;

	if (resolve_tasks(tasks, name, &found, err))
		return NULL;
	json_array_foreach(found, i, it)
	{
		json_array_foreach(tasks, k, other)
		{
			if (streq(json_str(other, "name"), json_str(it, "name")) &&
			    (!best || rank(other) > rank(best)))
				best = other;
		}
	}
	return best;
}

/* A task of TO, if the name means one; else it is a name or an address that FROM's node looks up. */
static int find_ends(struct trace *t, const char *from, const char *to, struct err *err)
{
	struct err ignored = {0};

	t->from = pick(t->tasks, from, err);
	if (!t->from)
		return err->code;
	if (!rank(t->from))
		return err_set(err, -ENOENT, "no task of '%s' is running; see `carrack ps`", from);
	t->to = pick(t->tasks, to, &ignored);
	return 0;
}

static void look_at_far(struct trace *t, const char *shared)
{
	const json_t *far = task_by_id(t->tasks, json_str(t->dst, "task"));

	if (!target_ip(t))
		return;
	if (!far && streq(target_ip(t), shared)) /* its node is away */
		far = t->to;
	if (!far || !ask(t, json_str(far, "node"), "to",
			 options(t, "watch", far, json_str(t->dst, "own")), far_ended))
		send_probe(t);
	run(t);
}

/* FROM's agent is away: what the other side holds is all that can be seen. */
static void without_near(struct trace *t)
{
	const char *own = t->to ? shared_address(t->to, t->from) : NULL;

	if (!own)
		return;
	t->far_ready = true; /* nobody sends */
	ask(t, json_str(t->to, "node"), "to", options(t, "watch", t->to, own), NULL);
	run(t);
}

/* Why a task is not to be found by its name. */
static void tell_apart(struct trace *t, const char *shared)
{
	const char *node = json_str(t->from, "node");

	if (!rank(t->to)) {
		auto_free char *text =
			xasprintf("%s is %s, so it has no address", json_str_or(t->to, "name", "?"),
				  json_str_or(t->to, "state", "?"));
		add_hop(t, node, "from", "task", "wrong", text, "see `carrack ps`");
	} else if (!shared) {
		add_hop(t, node, "from", "network", "wrong", "the two share no network",
			"put both on one network in their stack files; a network of another stack "
			"is "
			"joined with `external: true`");
	}
}

static void follow(struct trace *t, const char *to)
{
	const char *shared = t->to ? shared_address(t->from, t->to) : NULL;
	bool is_task = t->to && (streq(json_str(t->to, "name"), to) ||
				 strncmp(json_str_or(t->to, "id", ""), to, strlen(to)) == 0);
	json_t *o = options(t, "tables", t->from, is_task ? json_str(t->to, "name") : to);

	json_put_str(o, "else", shared);
	if (!ask(t, json_str(t->from, "node"), "from", o, NULL)) {
		without_near(t);
		return;
	}
	run(t);
	if (t->to && !t->dst)
		tell_apart(t, shared);
	look_at_far(t, shared);
}

int nettrace_run(struct client *c, const char *from, const char *to, const char *port, bool json,
		 struct err *err)
{
	struct trace t = {.c = c, .probe = json_object()};
	int r = parse_port(port, t.probe, err);

	t.result = json_pack("{s:[],s:[]}", "hops", "seen");
	if (!r)
		r = client_get(c, &t.nodes, err, "/v1/nodes");
	if (!r)
		r = client_get(c, &t.tasks, err, "/v1/tasks");
	if (!r)
		r = find_ends(&t, from, to, err);
	if (!r) {
		json_object_set_new(t.result, "from",
				    json_pack("{s:s*,s:s*}", "task", json_str(t.from, "name"),
					      "node", json_str(t.from, "node")));
		json_object_set(t.result, "probe", t.probe);
		json_put_str(t.result, "asked", to);
		t.loop = loop_new();
		follow(&t, to);
		loop_free(t.loop);
		r = nettraceout(t.result, json);
	}
	json_decref(t.result);
	json_decref(t.probe);
	json_decref(t.nodes);
	json_decref(t.tasks);
	return r;
}
