/* SPDX-License-Identifier: Apache-2.0
 * Forked plans and their answers; see planner.h. */
#include "controller/api/planner.h"
#include "base/fd.h"
#include "base/forked.h"
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PLANS_MAX  4 /* under way at once */
#define PLAN_MS    60000
#define PLAN_CPU_S 30
#define PLAN_BYTES (64u << 20)

struct job {
	struct planner *p;
	struct httpd_req *req; /* NULL: the client left */
	char *stack;
	json_t *request;
	planner_cb cb;
	struct forked *work;
	struct job *next, **prev;
};

struct planner {
	struct server *s;
	struct job *jobs;
	size_t n;
};

struct planner *planner_new(struct server *s)
{
	struct planner *p = xcalloc(1, sizeof(*p));

	p->s = s;
	return p;
}

static void job_free(struct job *j)
{
	*j->prev = j->next;
	if (j->next)
		j->next->prev = j->prev;
	j->p->n--;
	forked_free(j->work);
	json_decref(j->request);
	free(j->stack);
	free(j);
}

void planner_free(struct planner *p)
{
	if (!p)
		return;
	while (p->jobs)
		job_free(p->jobs);
	free(p);
}

static int ask_of(const struct job *j, struct plan_ask *ask, struct err *err)
{
	const json_t *stack = json_object_get(j->request, "stack");
	const json_t *scale = json_object_get(j->request, "scale");
	bool rm = json_bool(j->request, "remove", false);

	*ask = (struct plan_ask){.stack = j->stack, .spec = stack};
	if (!!stack + !!scale + rm != 1)
		return err_set(err, -EINVAL,
			       "the request needs one of 'stack', 'scale' and 'remove'");
	if (!scale)
		return 0;
	ask->replicas = -1;
	int r = json_need_str(scale, "service", &ask->service, err);

	return r ? r : json_need_int(scale, "replicas", 0, INT32_MAX, &ask->replicas, err);
}

static int read_error(const json_t *answer, int code, struct err *err)
{
	err_set(err, code, "%s", json_str_or(answer, "error", "the plan failed"));
	return err_at(err, code, "%s", json_str_or(answer, "path", ""));
}

static json_t *work(struct job *j)
{
	struct plan_ask ask;
	struct err err = {0};
	json_t *plan = NULL;
	int r = ask_of(j, &ask, &err);

	if (!r)
		r = cluster_plan(j->p->s->cluster, &ask, &plan, &err);
	json_t *answer = r ? api_error(&err) : json_object();
	json_put_int(answer, "code", r);
	if (!r)
		json_object_set_new(answer, "plan", plan);
	return answer;
}

/* In the child: nothing of the parent's may be touched, its connections least of all. */
static void child_main(int out, void *arg)
{
	const struct rlimit cpu = {PLAN_CPU_S, PLAN_CPU_S + 1};

	setrlimit(RLIMIT_CPU, &cpu);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(1);
	closefrom(STDERR_FILENO + 1);
	json_t *answer = work(arg);
	auto_free char *text = json_text(answer);

	if (fd_write_all(STDOUT_FILENO, text, strlen(text)))
		_exit(1);
}

static void finish(enum forked_end how, const char *text, size_t len, void *arg)
{
	struct job *j = arg;
	struct call c = {.s = j->p->s, .req = j->req, .arg = {j->stack}};
	struct err err = {0};
	auto_json *answer = NULL;
	int code;

	if (!j->req) {
		job_free(j);
		return;
	}
	answer = how == FORKED_OK && len ? json_parse(text, len, &err) : NULL;
	code = (int)json_int(answer, "code", -EIO);
	if (how == FORKED_LATE)
		code = err_set(&err, -EBUSY, "the plan took longer than %d s and was given up",
			       PLAN_MS / 1000);
	else if (how == FORKED_LARGE)
		code = err_set(&err, -E2BIG, "the plan is larger than %u MB", PLAN_BYTES >> 20);
	else if (!answer)
		code = err_set(&err, -EIO,
			       "the plan ended early; it may have lacked memory or time");
	else if (code)
		read_error(answer, code, &err);
	httpd_on_close(j->req, NULL, NULL);
	j->cb(&c, code ? NULL : json_object_get(answer, "plan"), code, &err, j->request);
	job_free(j);
}

static void on_close(void *arg)
{
	struct job *j = arg;

	j->req = NULL;
	forked_kill(j->work);
}

static int spawn(struct job *j, struct err *err)
{
	const struct forked_spec spec = {.work = child_main,
					 .end = finish,
					 .arg = j,
					 .limit_ms = PLAN_MS,
					 .max_bytes = PLAN_BYTES};
	int r = forked_start(j->p->s->loop, &spec, &j->work, err);

	return r ? err_wrap(err, r, "the plan cannot be made") : 0;
}

void planner_start(struct call *c, json_t *request_taken, planner_cb cb)
{
	struct planner *p = c->s->planner;
	struct err err = {0};
	struct job *j;

	if (p->n >= PLANS_MAX) {
		json_decref(request_taken);
		httpd_reply_error(c->req, 503, "%d plans are being made already; try again soon",
				  PLANS_MAX);
		return;
	}
	j = xcalloc(1, sizeof(*j));
	*j = (struct job){.p = p, .req = c->req, .request = request_taken, .cb = cb};
	j->stack = xstrdup(c->arg[0]);
	j->next = p->jobs;
	j->prev = &p->jobs;
	if (j->next)
		j->next->prev = &j->next;
	p->jobs = j;
	p->n++;
	if (spawn(j, &err)) {
		api_fail(c, -EIO, &err);
		job_free(j);
		return;
	}
	httpd_on_close(c->req, on_close, j);
}
