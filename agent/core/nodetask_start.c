/* SPDX-License-Identifier: Apache-2.0
 * The way up from the images on: volumes, networks, sandbox, container; and adoption of what runs. */
#include "agent/core/nodenet.h"
#include "agent/core/nodetask_parts.h"
#include "agent/core/secretfiles.h"
#include "agent/core/volume.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <string.h>

/* Host ports of the run before, so that ports chosen freely stay the same. */
static void recall_ports(const struct nodetask *t, struct plan *p)
{
	const struct kvlist *labels = runtime_labels(t->core->runtime, t->w.id);
	const char *text = labels ? kvlist_get(labels, LABEL_PUBLISH) : NULL;
	for (size_t i = 0; text && *text && i < p->sandbox.n_publish; i++) {
		char *end;
		unsigned long port = strtoul(text, &end, 10);
		struct ov_publish *o = &p->sandbox.publish[i];
		bool free_choice = o->host_port == 0 && port <= UINT16_MAX;
		if (free_choice || (o->first && port >= o->first && port <= o->last))
			o->host_port = (uint16_t)port;
		text = *end == ',' ? end + 1 : NULL;
	}
}

static void note_ports(struct nodetask *t, struct plan *p)
{
	auto_str label = {0};
	strlist_done(&t->ports);
	for (size_t i = 0; i < p->sandbox.n_publish; i++) {
		const struct ov_publish *o = &p->sandbox.publish[i];
		char ip[IPADDR_TEXT];
		bool v6 = ipaddr_is_v6(&o->host_ip);
		struct ipaddr at = ipaddr_is_set(&o->host_ip) ? o->host_ip : ipaddr_any(AF_INET);
		strlist_addf(&t->ports, "%s%s%s:%u->%u/%s", v6 ? "[" : "", ipaddr_format(&at, ip),
			     v6 ? "]" : "", o->host_port, o->target,
			     o->proto == IPPROTO_UDP    ? "udp"
			     : o->proto == IPPROTO_SCTP ? "sctp"
							: "tcp");
		str_addf(&label, "%s%u", i ? "," : "", o->host_port);
	}
	kvlist_set(&p->rt.labels, LABEL_PUBLISH, label.data ? label.data : "");
}

static int make_sandbox(struct nodetask *t, struct plan *p, char **ret_netns, struct err *err)
{
	if (p->host_network || p->joined_network)
		return 0;
	int r = 0;
	if (!t->holds_networks) {
		r = nodenet_hold(t->core->networks, &t->w, err);
		if (r < 0)
			return r;
		t->holds_networks = true;
	}
	recall_ports(t, p);
	r = overlay_sandbox_set(t->core->overlay, &p->sandbox, ret_netns, err);
	if (r < 0)
		return r;
	t->sandbox = true;
	note_ports(t, p);
	return 0;
}

static void set_labels(const struct nodetask *t, struct plan *p)
{
	struct kvlist *l = &p->rt.labels;
	auto_free char *restarts = xasprintf("%lld", (long long)t->restart.count);
	auto_free char *grace = xasprintf("%lld", (long long)t->grace_ms);
	kvlist_set(l, LABEL_TASK, t->w.id);
	kvlist_set(l, LABEL_HASH, t->w.hash ? t->w.hash : "");
	kvlist_set(l, LABEL_RESTARTS, restarts);
	kvlist_set(l, LABEL_GRACE_MS, grace);
	if (t->stop_signal)
		kvlist_set(l, LABEL_SIGNAL, t->stop_signal);
	nodetask_note_joins(t, l);
	nodetask_note_step(t, l);
}

static int start_container(struct nodetask *t, struct plan *p, struct err *err)
{
	auto_free char *netns = NULL;
	int r = secretfiles_put(t->core->secrets, &t->w, err);
	for (size_t i = 0; r == 0 && i < p->n_dirs; i++)
		r = volume_prepare(&p->dirs[i], err);
	if (r == 0)
		r = nodetask_join(t, p, &netns, err);
	if (r == 0)
		r = make_sandbox(t, p, &netns, err);
	if (r < 0)
		return r;
	struct rt_status st = {0};
	if (t->container && runtime_status(t->core->runtime, t->w.id, &st) == 0 &&
	    st.state != RT_ENDED) {
		r = runtime_delete(t->core->runtime, t->w.id, true, err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	p->rt.netns = netns;
	set_labels(t, p);
	t->container = true; /* its events may come before runtime_start returns */
	t->started_ms = 0;
	nodetask_move(t, TASK_STARTING, NULL);
	r = runtime_start(t->core->runtime, &p->rt, err);
	if (r < 0) /* that of the try before may be there still */
		t->container = runtime_status(t->core->runtime, t->w.id, &st) == 0;
	if (r == -EEXIST) /* it was removed by force, or something in it is still ending */
		return err_set(err, -EAGAIN, "waits for its earlier container to end");
	return r;
}

static int plan_input_of(const struct nodetask *t, struct plan_input *in, struct err *err)
{
	const struct wire_task *host;
	int r = nodetask_host(t, &host, err);
	if (r < 0)
		return r;
	*in = (struct plan_input){
		.task = &t->w,
		.net_of = host,
		.image = t->image,
		.mounted = t->more_images,
		.data_dir = t->core->data_dir,
		.run_dir = t->core->run_dir,
		.gateway = nodenet_gateway(t->core->networks, host ? host : &t->w),
	};
	return 0;
}

void nodetask_build(struct nodetask *t)
{
	struct plan p = {0};
	struct plan_input in;
	__attribute__((cleanup(before_done))) struct before before = {0};
	struct err err = {0};
	int r = plan_input_of(t, &in, &err);
	if (r == 0 && nodetask_is_before(t))
		nodetask_before(t, &in, &before);
	if (r == 0)
		r = plan_make(&in, &p, &err);
	if (r == 0) {
		if (!t->stop_signal)
			t->stop_signal = xstrdup(p.rt.stop_signal);
		r = start_container(t, &p, &err);
		plan_done(&p);
	}
	if (r == -EAGAIN) { /* an assignment that the next message brings */
		timer_set(t->timer, TASK_RETRY_MS);
		nodetask_move(t, TASK_PREPARING, err_text(&err));
		return;
	}
	if (r < 0)
		nodetask_try_failed(t, err_text(&err));
}

void nodetask_begin_again(struct nodetask *t)
{
	timer_stop(t->timer); /* of this try: what runs it would kill */
	nodetask_begin(t);
}

/* The sandbox again, for its resolver and what may have changed meanwhile. */
void nodetask_mend(struct nodetask *t)
{
	struct plan p = {0};
	struct plan_input in;
	struct err err = {0};
	auto_free char *netns = NULL;
	if (t->w.with[SPACE_NET]) /* another one's, who mends it */
		return;
	int r = plan_input_of(t, &in, &err);
	if (r == 0)
		r = plan_sandbox(&in, &p, &err);
	if (r == 0) {
		t->sandbox = !p.host_network; /* it is there, whatever comes of mending it */
		r = make_sandbox(t, &p, &netns, &err);
		plan_done(&p);
	}
	t->mend = r < 0; /* nodetask_poke tries again */
	if (r < 0)
		log_warn("agent", "the network of task %s is not mended yet: %s", t->w.id,
			 err_text(&err));
	else
		nodetask_report(t);
}

int nodetask_adopt(struct nodetask *t, const struct rt_status *st)
{
	const struct kvlist *labels = runtime_labels(t->core->runtime, t->w.id);
	t->container = true;
	const char *hash = labels ? kvlist_get(labels, LABEL_HASH) : NULL;
	const char *restarts = labels ? kvlist_get(labels, LABEL_RESTARTS) : NULL;
	int64_t count = 0;
	if (restarts && num_parse_i64(restarts, 0, INT64_MAX, &count)) {
		t->restart.count = count;
		t->restart.attempts = count;
	}
	if (t->w.hash && hash && !streq(hash, t->w.hash)) {
		log_warn("agent", "task %s runs from another specification; it is started anew",
			 t->w.id);
		return -ESTALE; /* begins anew and deletes this one */
	}
	nodetask_recall_step(t, labels);
	if (st->state == RT_RUNNING && !nodetask_joins_hold(t, labels))
		return -ESTALE;
	nodetask_images_local(t);
	if (!t->stop_signal && t->image)
		t->stop_signal = xstrdup(t->image->stop_signal);
	switch (st->state) {
	case RT_CREATED:
		t->sandbox = nodetask_owns_network(t);
		nodetask_mend(t);
		nodetask_move(t, TASK_STARTING, NULL);
		break;
	case RT_RUNNING:
		nodetask_mend(t);
		if (nodetask_is_before(t))
			nodetask_before_runs(t, st);
		else
			nodetask_running(t, st);
		break;
	case RT_ENDED:
		t->state = TASK_RUNNING; /* it ended while no agent looked */
		t->sandbox = nodetask_owns_network(t);
		nodetask_event(t, st);
		break;
	}
	if (t->w.stop)
		nodetask_stop(t);
	return 0;
}
