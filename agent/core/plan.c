/* SPDX-License-Identifier: Apache-2.0
 * The process and its surroundings: arguments, environment, user, names, limits. Mounts are in
 * plan_mounts.c, networks in plan_net.c. */
#include "agent/core/plan.h"
#include "agent/core/plan_parts.h"
#include <errno.h>
#include <string.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define NAME_DIGITS  12 /* of the task's id, as its host name */

const char *plan_keep(struct plan *p, char *owned)
{
	strlist_take(&p->pool, owned);
	return owned;
}

static int plan_args(const struct plan_input *in, struct plan *p, struct err *err)
{
	const struct spec_service *s = &in->task->spec;
	strlist_copy(&p->rt.args, s->entrypoint_set ? &s->entrypoint : &in->image->entrypoint);
	if (s->command_set)
		strlist_copy(&p->rt.args, &s->command);
	else if (!s->entrypoint_set) /* an entrypoint of one's own drops the image's command */
		strlist_copy(&p->rt.args, &in->image->cmd);
	if (p->rt.args.n == 0)
		return err_set(err, -EINVAL,
			       "image \"%s\" names no command; give service \"%s\" a command",
			       s->image, s->name);
	return 0;
}

static void plan_env(const struct plan_input *in, struct plan *p)
{
	const struct spec_service *s = &in->task->spec;
	struct kvlist env = {0};
	kvlist_set(&env, "PATH", DEFAULT_PATH);
	kvlist_set(&env, "HOSTNAME", p->rt.hostname);
	if (s->tty)
		kvlist_set(&env, "TERM", "xterm");
	for (size_t i = 0; i < in->image->env.n; i++) {
		const char *line = in->image->env.v[i];
		const char *eq = strchr(line, '=');
		if (!eq || eq == line)
			continue;
		auto_free char *key = xstrndup(line, (size_t)(eq - line));
		kvlist_set(&env, key, eq + 1);
	}
	kvlist_copy(&env, &s->environment);
	for (size_t i = 0; i < env.n; i++) {
		if (env.v[i].v) /* no value: unset, even where the image sets it */
			strlist_addf(&p->rt.env, "%s=%s", env.v[i].k, env.v[i].v);
	}
	kvlist_done(&env);
}

static int plan_cwd(const struct plan_input *in, struct plan *p, struct err *err)
{
	const char *cwd =
		in->task->spec.working_dir ? in->task->spec.working_dir : in->image->working_dir;
	if (!cwd || !*cwd)
		return 0;
	auto_free char *abs = *cwd == '/' ? xstrdup(cwd) : xasprintf("/%s", cwd);
	auto_free char *clean = NULL;
	int r = plan_clean_path(abs, &clean, err);
	if (r < 0)
		return err_wrap(err, r, "working_dir");
	/* A working directory in /proc can be a descriptor of the runtime, outside the container. */
	if (streq(clean, "/proc") || str_starts(clean, "/proc/") || str_starts(clean, "/sys/"))
		return err_set(err, -EPERM,
			       "working_dir \"%s\" is inside /proc or /sys; choose another", cwd);
	p->rt.cwd = plan_keep(p, take_ptr(clean));
	return 0;
}

/* What it is to share and with whom it does must be told together, or it would have its own. */
static int plan_spaces(const struct wire_task *t, struct plan *p, struct err *err)
{
	const struct spec_service *s = &t->spec;
	bool pid = spec_joins(s, SPACE_PID), ipc = spec_joins(s, SPACE_IPC);
	if ((s->pid && !pid && !streq(s->pid, "host")) || pid != (t->with[SPACE_PID] != NULL))
		return err_set(err, -ENOTSUP,
			       "pid \"%s\" is not supported; use \"host\" or leave it out",
			       s->pid ? s->pid : "");
	if ((s->ipc && !ipc && !streq(s->ipc, "host") && !streq(s->ipc, "private") &&
	     !streq(s->ipc, "shareable") && !streq(s->ipc, "none")) ||
	    ipc != (t->with[SPACE_IPC] != NULL))
		return err_set(err, -ENOTSUP,
			       "ipc \"%s\" is not supported; use \"host\" or leave it out",
			       s->ipc ? s->ipc : "");
	p->rt.share_ipc = streq(s->ipc, "shareable");
	p->rt.no_shm = streq(s->ipc, "none");
	p->rt.host_pid = streq(s->pid, "host");
	p->rt.host_ipc = streq(s->ipc, "host");
	p->rt.host_uts = streq(s->uts, "host");
	p->rt.host_cgroup = streq(s->cgroup, "host");
	p->rt.private_cgroup = streq(s->cgroup, "private");
	return 0;
}

static void plan_limits(const struct spec_service *s, struct plan *p)
{
	p->rt.limits = xcalloc(s->n_ulimits + 1, sizeof(*p->rt.limits));
	for (size_t i = 0; i < s->n_ulimits; i++) {
		struct rt_limit *l = &p->rt.limits[p->rt.n_limits++];
		l->name = s->ulimits[i].name; /* borrowed */
		l->soft = s->ulimits[i].soft;
		l->hard = s->ulimits[i].hard;
	}
	p->rt.shm_size = s->shm_size;
	p->rt.oom_score_adj = s->oom_score_adj;
	plan_resources(s, p);
}

static void plan_identity(const struct plan_input *in, struct plan *p)
{
	const struct spec_service *s = &in->task->spec;
	p->rt.id = in->task->id;
	const struct wire_task *named = in->net_of ? in->net_of : in->task;
	p->rt.hostname = named->spec.hostname ? named->spec.hostname
					      : plan_keep(p, xstrndup(named->id, NAME_DIGITS));
	p->rt.domainname = named->spec.domainname;
	const char *user = s->user ? s->user : in->image->user;
	p->rt.user = user && *user ? user : NULL;
	p->rt.stop_signal = s->stop_signal ? s->stop_signal : in->image->stop_signal;
	strlist_copy(&p->rt.groups, &s->group_add);
	strlist_copy(&p->rt.layers, &in->image->layers);
	strlist_copy(&p->rt.cap_add, &s->cap_add);
	strlist_copy(&p->rt.cap_drop, &s->cap_drop);
	strlist_copy(&p->rt.devices, &s->devices);
	strlist_copy(&p->rt.device_rules, &s->device_cgroup_rules);
	kvlist_copy(&p->rt.annotations, &s->annotations);
	p->rt.read_only = s->read_only;
	p->rt.privileged = s->privileged;
	p->rt.init = s->init;
	p->rt.tty = s->tty;
	p->rt.stdin_open = s->stdin_open;
}

/* The sandbox points into the plan, which has its place only now. */
static void hand_over(const struct plan_input *in, const struct plan *p, struct plan *out)
{
	*out = *p;
	out->sandbox.endpoints = out->endpoints;
	out->sandbox.sysctls = &out->net_sysctls;
	out->sandbox.dns = &in->task->spec.dns;
}

int plan_make(const struct plan_input *in, struct plan *out, struct err *err)
{
	const struct spec_service *s = &in->task->spec;
	struct plan p = {0};
	plan_identity(in, &p);
	plan_limits(s, &p);
	plan_env(in, &p);
	int r = plan_args(in, &p, err);
	if (r == 0)
		r = plan_cwd(in, &p, err);
	if (r == 0)
		r = plan_security(s, &p, err);
	if (r == 0)
		r = plan_spaces(in->task, &p, err);
	if (r == 0)
		r = plan_logging(s, &p, err);
	if (r == 0)
		r = plan_mounts(in, &p, err);
	if (r == 0)
		r = plan_net(in, &p, err);
	if (r < 0) {
		plan_done(&p);
		return r;
	}
	hand_over(in, &p, out);
	return 0;
}

int plan_sandbox(const struct plan_input *in, struct plan *out, struct err *err)
{
	struct plan p = {.rt.hostname = ""};
	int r = plan_net(in, &p, err);
	if (r < 0) {
		plan_done(&p);
		return r;
	}
	hand_over(in, &p, out);
	return 0;
}

void plan_done(struct plan *p)
{
	struct strlist *lists[] = {&p->rt.layers,     &p->rt.args,        &p->rt.env,
				   &p->rt.groups,     &p->rt.cap_add,     &p->rt.cap_drop,
				   &p->rt.devices,    &p->rt.extra_hosts, &p->rt.dns,
				   &p->rt.dns_search, &p->rt.dns_opt,     &p->rt.host_names,
				   &p->pool};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strlist_done(lists[i]);
	for (size_t i = 0; i < p->rt.n_mounts; i++) {
		free(p->rt.mounts[i].source);
		free(p->rt.mounts[i].target);
		free(p->rt.mounts[i].options);
	}
	for (size_t i = 0; i < p->n_dirs; i++) {
		free(p->dirs[i].path);
		free(p->dirs[i].subpath);
	}
	free(p->rt.mounts);
	free(p->rt.limits);
	free(p->dirs);
	free(p->endpoints);
	free(p->extra);
	free(p->sandbox.publish);
	for (size_t i = 0; i < RT_IO_MAX; i++)
		free(p->rt.io[i].v);
	kvlist_done(&p->rt.annotations);
	kvlist_done(&p->rt.sysctls);
	kvlist_done(&p->rt.labels);
	kvlist_done(&p->net_sysctls);
	*p = (struct plan){0};
}

static uint64_t ms_or(int64_t own_ns, int64_t image_ns, uint64_t def_ms)
{
	int64_t ns = own_ns >= 0 ? own_ns : image_ns;
	return ns < 0 ? def_ms : (uint64_t)ns / 1000000;
}

/* "CMD" and "CMD-SHELL" in front, as in image configs; without either the list is run as it is. */
static void health_args(const struct strlist *test, struct plan_health *h)
{
	size_t from = 1;
	if (streq(test->v[0], "NONE"))
		return;
	if (streq(test->v[0], "CMD-SHELL")) {
		strlist_add(&h->args, "/bin/sh");
		strlist_add(&h->args, "-c");
	} else if (!streq(test->v[0], "CMD")) {
		from = 0;
	}
	for (size_t i = from; i < test->n; i++)
		strlist_add(&h->args, test->v[i]);
	h->on = test->n > from;
}

void plan_health(const struct spec_service *s, const struct image *image, struct plan_health *out)
{
	const struct spec_health *own = &s->health;
	struct plan_health h = {0};
	bool set = own->set;
	const struct strlist *test = set && own->test.n ? &own->test : NULL;
	if (!test && image && image->health_test.n)
		test = &image->health_test;
	h.interval_ms = ms_or(set ? own->interval : -1, image ? image->health_interval : -1, 30000);
	h.timeout_ms = ms_or(set ? own->timeout : -1, image ? image->health_timeout : -1, 30000);
	h.start_period_ms =
		ms_or(set ? own->start_period : -1, image ? image->health_start_period : -1, 0);
	h.start_interval_ms = ms_or(set ? own->start_interval : -1, -1, 0);
	h.retries = set && own->retries > 0 ? own->retries : image ? image->health_retries : -1;
	if (h.retries <= 0)
		h.retries = 3;
	if (h.interval_ms == 0) /* 0 means the default, as in Docker */
		h.interval_ms = 30000;
	if (h.timeout_ms == 0)
		h.timeout_ms = 30000;
	if (h.start_interval_ms == 0)
		h.start_interval_ms = h.interval_ms < 5000 ? h.interval_ms : 5000;
	if (test && !(set && own->disabled))
		health_args(test, &h);
	*out = h;
}

void plan_health_done(struct plan_health *h)
{
	strlist_done(&h->args);
	*h = (struct plan_health){0};
}
