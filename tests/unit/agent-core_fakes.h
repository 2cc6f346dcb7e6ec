/* SPDX-License-Identifier: Apache-2.0
 *
 * The outside world of agent/core, faked: clock and timers, images, containers, the overlay, the
 * uplink. Defined here, so that the linker takes none of the real ones. Time moves by fake_advance
 * only.
 */
#pragma once
#include "agent/core/core.h"
#include "agent/core/uplink.h"
#include "base/map.h"
#include "base/mem.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Clock and timers. */
struct timer {
	struct timer *next;
	void (*cb)(void *arg);
	void *arg;
	uint64_t at;
	bool set;
};
static struct {
	struct timer *timers;
	uint64_t now;
	struct map images_missing; /* references that cannot be got */
	bool images_slow;
	struct image_request *requests;
	struct map containers; /* id -> struct fake_container */
	struct strlist log;    /* what the overlay and the runtime were asked */
	struct map networks, sandboxes;
	struct core *core;
	int start_error;
	bool deaf; /* containers do not end on SIGTERM */
	const struct rt_exec_ops *exec_ops;
	void *exec_arg;
	unsigned execs, wipes, opens, sets;
	bool wiped;
	int sandbox_error;
} fake;

struct fake_container {
	struct rt_status st;
	struct kvlist labels;
	char *ending; /* a signal that was sent and ends it in the next turn */
};

struct timer *timer_new(struct loop *l, void (*cb)(void *arg), void *arg)
{
	(void)l;
	struct timer *t = xcalloc(1, sizeof(*t));
	*t = (struct timer){.next = fake.timers, .cb = cb, .arg = arg};
	fake.timers = t;
	return t;
}
void timer_set(struct timer *t, uint64_t after_ms)
{
	t->at = fake.now + after_ms;
	t->set = true;
}
void timer_stop(struct timer *t)
{
	t->set = false;
}
bool timer_is_set(const struct timer *t)
{
	return t->set;
}
void timer_free(struct timer *t)
{
	struct timer **at = &fake.timers;
	while (t && *at && *at != t)
		at = &(*at)->next;
	if (t)
		*at = t->next;
	free(t);
}
uint64_t clock_ms(void)
{
	return fake.now;
}
int64_t clock_wall_ms(void)
{
	return 1700000000000 + (int64_t)fake.now;
}

static void fake_container_end(const char *id, int code);

static void fake_signals(void)
{
	for (;;) {
		const char *id = NULL;
		map_each(&fake.containers, e)
		{
			struct fake_container *c = e->val;
			if (c->ending && !id)
				id = e->key;
		}
		if (!id)
			return;
		auto_free char *copy = xstrdup(id);
		struct fake_container *c = map_get(&fake.containers, copy);
		bool kill = streq(c->ending, "SIGKILL");
		free_and_null(&c->ending);
		fake_container_end(copy, kill ? 137 : 143);
	}
}

/* Runs what is due until `ms` have passed. */
static void fake_advance(uint64_t ms)
{
	uint64_t until = fake.now + ms;
	for (;;) {
		struct timer *first = NULL;
		fake_signals();
		for (struct timer *t = fake.timers; t; t = t->next) {
			if (t->set && t->at <= until && (!first || t->at < first->at))
				first = t;
		}
		if (!first)
			break;
		if (first->at > fake.now)
			fake.now = first->at;
		first->set = false;
		first->cb(first->arg);
	}
	fake.now = until;
}

/* Images. */
struct image_request {
	struct image_request *next;
	char *ref;
	struct image_ops ops;
	void *arg;
};
static struct image *fake_image(const char *ref)
{
	struct image *i = xcalloc(1, sizeof(*i));
	i->ref = xstrdup(ref);
	i->digest = xstrdup("sha256:11");
	strlist_add(&i->cmd, "/bin/server");
	strlist_add(&i->layers, "/layers/a");
	i->health_interval = i->health_timeout = i->health_start_period = i->health_retries = -1;
	return i;
}
void image_free(struct image *i)
{
	if (!i)
		return;
	struct strlist *lists[] = {&i->layers,  &i->entrypoint, &i->cmd,        &i->env,
				   &i->volumes, &i->exposed,    &i->health_test};
	for (size_t k = 0; k < ARRAY_LEN(lists); k++)
		strlist_done(lists[k]);
	kvlist_done(&i->labels);
	free(i->ref);
	free(i->digest);
	free(i->user);
	free(i->working_dir);
	free(i->stop_signal);
	free(i);
}
static void fake_image_answer(const char *ref, const struct image_ops *ops, void *arg)
{
	if (map_has(&fake.images_missing, ref))
		ops->done(NULL, "image is not in the registry", arg);
	else
		ops->done(fake_image(ref), NULL, arg);
}
struct image_request *image_get(struct image_store *s, const char *ref, const char *platform,
				enum image_policy policy, const struct image_ops *ops, void *arg)
{
	(void)s;
	(void)platform;
	(void)policy;
	if (!fake.images_slow) {
		fake_image_answer(ref, ops, arg);
		return NULL;
	}
	struct image_request *r = xcalloc(1, sizeof(*r));
	*r = (struct image_request){.next = fake.requests,
				    .ref = xstrdup(ref),
				    .ops = *ops,
				    .arg = arg};
	fake.requests = r;
	return r;
}
void image_cancel(struct image_request *r)
{
	struct image_request **at = &fake.requests;
	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	free(r->ref);
	free(r);
}
static size_t fake_images_arrive(void)
{
	size_t n = 0;
	while (fake.requests) {
		struct image_request r = *fake.requests;
		free(fake.requests);
		fake.requests = r.next;
		fake_image_answer(r.ref, &r.ops, r.arg);
		free(r.ref);
		n++;
	}
	return n;
}
struct image *image_local(struct image_store *s, const char *ref, struct err *err)
{
	(void)s;
	(void)err;
	return fake_image(ref);
}

/* Containers. */
static void fake_container_free(void *p)
{
	struct fake_container *c = p;
	kvlist_done(&c->labels);
	free(c->ending);
	free(c);
}
static struct fake_container *fake_container(const char *id)
{
	return map_get(&fake.containers, id);
}
static void fake_container_run(const char *id)
{
	struct fake_container *c = fake_container(id);
	assert_non_null(c);
	c->st = (struct rt_status){.state = RT_RUNNING, .pid = 4242, .started_ms = clock_wall_ms()};
	core_runtime_event(id, &c->st, fake.core);
}
static void fake_container_end(const char *id, int code)
{
	struct fake_container *c = fake_container(id);
	assert_non_null(c);
	c->st = (struct rt_status){.state = RT_ENDED,
				   .exit_code = code,
				   .ended_ms = clock_wall_ms()};
	struct rt_status st = c->st;
	core_runtime_event(id, &st, fake.core);
}
int runtime_start(struct runtime *r, const struct rt_spec *s, struct err *err)
{
	(void)r;
	if (fake.start_error)
		return err_set(err, fake.start_error, "the container cannot be made");
	if (fake_container(s->id)) { /* one that ended makes place */
		assert_int_equal(fake_container(s->id)->st.state, RT_ENDED);
		map_del(&fake.containers, s->id);
	}
	struct fake_container *c = xcalloc(1, sizeof(*c));
	kvlist_copy(&c->labels, &s->labels);
	map_set(&fake.containers, s->id, c);
	strlist_addf(&fake.log, "start %s", s->id);
	return 0;
}
int runtime_kill(struct runtime *r, const char *id, const char *signal, struct err *err)
{
	(void)r;
	struct fake_container *c = fake_container(id);
	if (!c || c->st.state == RT_ENDED)
		return err_set(err, -ESRCH, "not there");
	strlist_addf(&fake.log, "kill %s %s", id, signal);
	if (streq(signal, "SIGKILL") || !fake.deaf) {
		free(c->ending);
		c->ending = xstrdup(signal);
	}
	return 0;
}
int runtime_delete(struct runtime *r, const char *id, bool force, struct err *err)
{
	(void)r;
	(void)force;
	(void)err;
	strlist_addf(&fake.log, "delete %s", id);
	return map_del(&fake.containers, id) ? 0 : -ENOENT;
}
int runtime_status(struct runtime *r, const char *id, struct rt_status *out)
{
	(void)r;
	struct fake_container *c = fake_container(id);
	if (c)
		*out = c->st;
	return c ? 0 : -ENOENT;
}
const struct kvlist *runtime_labels(struct runtime *r, const char *id)
{
	(void)r;
	struct fake_container *c = fake_container(id);
	return c ? &c->labels : NULL;
}
void runtime_list(struct runtime *r, struct strlist *ids)
{
	(void)r;
	map_each(&fake.containers, e) strlist_add(ids, e->key);
}
int runtime_exec(struct runtime *r, const char *id, const struct rt_exec_spec *s,
		 const struct rt_exec_ops *ops, void *arg, struct rt_exec **ret, struct err *err)
{
	(void)r;
	(void)id;
	(void)s;
	(void)err;
	fake.exec_ops = ops;
	fake.exec_arg = arg;
	fake.execs++;
	*ret = (struct rt_exec *)&fake;
	return 0;
}
void rt_exec_free(struct rt_exec *e)
{
	if (e)
		fake.exec_ops = NULL;
}
static void fake_exec_end(int code, const char *output)
{
	assert_non_null(fake.exec_ops);
	if (output)
		fake.exec_ops->output(1, output, strlen(output), fake.exec_arg);
	fake.exec_ops->exit(code, fake.exec_arg);
}

/* The overlay. */
int overlay_network_set(struct overlay *o, const struct ov_network *n, struct err *err)
{
	(void)o;
	(void)err;
	map_set(&fake.networks, n->id, &fake);
	strlist_addf(&fake.log, "network %s", n->id);
	return 0;
}
int overlay_network_del(struct overlay *o, const char *id, struct err *err)
{
	(void)o;
	(void)err;
	return map_del(&fake.networks, id) ? 0 : -ENOENT;
}
int overlay_tunnel_peers(struct overlay *o, const struct ov_tunnel_peer *peers, size_t n,
			 struct err *err)
{
	(void)o;
	(void)peers;
	(void)n;
	(void)err;
	return 0;
}

int overlay_peer_set(struct overlay *o, const char *id, const struct ov_peer *p, struct err *err)
{
	(void)o;
	(void)err;
	strlist_addf(&fake.log, "peer %s %u", id, (unsigned)p->ip.bytes[3]);
	return 0;
}
int overlay_peer_del(struct overlay *o, const char *id, const struct ipaddr *ip, struct err *err)
{
	(void)o;
	(void)err;
	strlist_addf(&fake.log, "nopeer %s %u", id, (unsigned)ip->bytes[3]);
	return 0;
}
int overlay_name_set(struct overlay *o, const char *id, const char *name,
		     const struct ipaddr *addrs, size_t n, bool keep)
{
	(void)o;
	(void)addrs;
	strlist_addf(&fake.log, "name %s %s %zu%s", id, name, n, keep ? "" : " gone");
	return 0;
}
int overlay_srv_set(struct overlay *o, const char *id, const char *name, uint16_t port,
		    const struct ipaddr *addrs, size_t n, bool keep)
{
	(void)o;
	(void)addrs;
	strlist_addf(&fake.log, "srv %s %s %u %zu%s", id, name, port, n, keep ? "" : " gone");
	return 0;
}
int overlay_vip_set(struct overlay *o, const char *id, const struct ipaddr *vip,
		    const struct ipaddr *tasks, size_t n, struct err *err)
{
	char text[IPADDR_TEXT];
	(void)o;
	(void)tasks;
	(void)err;
	strlist_addf(&fake.log, "vip %s %s %zu", id, ipaddr_format(vip, text), n);
	return 0;
}
int overlay_vip_del(struct overlay *o, const char *id, const struct ipaddr *vip, struct err *err)
{
	char text[IPADDR_TEXT];
	(void)o;
	(void)err;
	strlist_addf(&fake.log, "vip %s %s gone", id, ipaddr_format(vip, text));
	return 0;
}
int overlay_sandbox_set(struct overlay *o, const struct ov_sandbox *s, char **ret_path,
			struct err *err)
{
	(void)o;
	if (fake.sandbox_error)
		return err_set(err, fake.sandbox_error, "port 80 is in use on this node");
	for (size_t i = 0; i < s->n_publish; i++) {
		if (s->publish[i].host_port == 0)
			s->publish[i].host_port = 32768;
	}
	map_set(&fake.sandboxes, s->id, &fake);
	fake.sets++;
	*ret_path = xstrdup("/run/netns/x");
	return 0;
}
int overlay_sandbox_del(struct overlay *o, const char *id, struct err *err)
{
	(void)o;
	(void)err;
	return map_del(&fake.sandboxes, id) ? 0 : -ENOENT;
}
int overlay_sandbox_list(struct overlay *o, struct strlist *ids, struct err *err)
{
	(void)o;
	(void)err;
	map_each(&fake.sandboxes, e) strlist_add(ids, e->key);
	return 0;
}
const char *overlay_sandbox_path(const struct overlay *o, const char *id)
{
	(void)o;
	return map_has(&fake.sandboxes, id) ? "/run/netns/x" : NULL;
}
bool overlay_sandbox_address(struct overlay *o, const char *id, struct ipaddr *ip,
			     struct ipaddr *ip6)
{
	(void)o;
	(void)ip6;
	return map_has(&fake.sandboxes, id) && ipaddr_parse("10.0.0.9", ip);
}
int overlay_ingress_set(struct overlay *o, const char *id, const struct ov_ingress_port *ports,
			size_t n, struct err *err)
{
	(void)o;
	(void)err;
	auto_str text = {0};
	str_addf(&text, "ingress %s", id);
	for (size_t i = 0; i < n; i++) {
		str_addf(&text, " %u", ports[i].port);
		for (size_t k = 0; k < ports[i].n; k++) {
			char ip[IPADDR_TEXT];
			str_addf(&text, "%s%s:%u",
				 k              ? ","
				 : ports[i].far ? ">"
						: "=",
				 ipaddr_format(&ports[i].backends[k].ip, ip),
				 ports[i].backends[k].port);
		}
	}
	strlist_add(&fake.log, text.data);
	return 0;
}
bool overlay_ingress_why(const struct overlay *o, const char *id, struct str *out)
{
	(void)o;
	(void)id;
	(void)out;
	return false;
}
void overlay_ingress_list(const struct overlay *o, struct strlist *ids)
{
	(void)o;
	(void)ids;
}
struct ipaddr overlay_address(const struct overlay *o)
{
	struct ipaddr own;
	(void)o;
	assert_true(ipaddr_parse("192.0.2.1", &own));
	return own;
}
int overlay_wipe(struct overlay *o, struct err *err)
{
	(void)o;
	(void)err;
	fake.wipes++;
	fake.wiped = true;
	return 0;
}
bool overlay_wiped(const struct overlay *o)
{
	(void)o;
	return fake.wiped;
}
int overlay_open(struct loop *l, const struct overlay_config *c, struct overlay **ret,
		 struct err *err)
{
	(void)l;
	(void)c;
	(void)err;
	fake.opens++;
	fake.wiped = false;
	*ret = NULL;
	return 0;
}
void overlay_close(struct overlay *o)
{
	(void)o;
}
#ifndef FAKE_KEEPS_UPLINK
void uplink_send(struct uplink *u, uint8_t type, json_t *msg_taken)
{
	(void)u;
	(void)type;
	json_decref(msg_taken);
}
#endif

static inline void fake_done(void)
{
	fake.containers.free_val = fake_container_free;
	map_clear(&fake.containers);
	map_clear(&fake.networks);
	map_clear(&fake.sandboxes);
	map_clear(&fake.images_missing);
	while (fake.requests)
		image_cancel(fake.requests);
	strlist_done(&fake.log);
	memset(&fake, 0, sizeof(fake));
}
static inline size_t fake_logged(const char *line)
{
	size_t n = 0;
	for (size_t i = 0; i < fake.log.n; i++)
		n += streq(fake.log.v[i], line);
	return n;
}
static inline void fake_unused(void)
{
	(void)fake_container_run;
	(void)fake_images_arrive;
	(void)fake_exec_end;
	(void)fake_advance;
}
