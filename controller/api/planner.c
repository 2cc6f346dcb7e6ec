/* SPDX-License-Identifier: Apache-2.0
 * Forked plans and their answers; see planner.h. */
#include "controller/api/planner.h"
#include "base/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PLANS_MAX  4 /* under way at once */
#define PLAN_MS    60000
#define PLAN_CPU_S 30
#define PLAN_BYTES (64u << 20)
#define PLAN_READ  65536

struct job {
	struct planner *p;
	struct httpd_req *req; /* NULL: the client left */
	char *stack;
	json_t *request;
	planner_cb cb;
	pid_t pid; /* 0: has ended */
	int fd;    /* -1: all was read */
	struct watch *read, *child;
	struct timer *timer;
	struct str text;
	bool late, large;
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
	watch_free(j->read);
	watch_free(j->child);
	timer_free(j->timer);
	if (j->fd >= 0)
		close(j->fd);
	if (j->pid > 0)
		kill(j->pid, SIGKILL);
	json_decref(j->request);
	str_done(&j->text);
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

static json_t *work(struct job *j)
{
	struct plan_ask ask;
	struct err err = {0};
	json_t *plan = NULL, *answer = json_object();
	int r = ask_of(j, &ask, &err);

	if (!r)
		r = cluster_plan(j->p->s->cluster, &ask, &plan, &err);
	json_put_int(answer, "code", r);
	if (r)
		json_put_str(answer, "error", err_text(&err));
	else
		json_object_set_new(answer, "plan", plan);
	return answer;
}

/* In the child: nothing of the parent's may be touched, its connections least of all. */
static _Noreturn void child_main(struct job *j, int out)
{
	const struct rlimit cpu = {PLAN_CPU_S, PLAN_CPU_S + 1};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	setrlimit(RLIMIT_CPU, &cpu);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(1);
	closefrom(STDERR_FILENO + 1);
	json_t *answer = work(j);
	auto_free char *text = json_text(answer);

	_exit(fd_write_all(STDOUT_FILENO, text, strlen(text)) ? 1 : 0);
}

static void finish(struct job *j)
{
	struct call c = {.s = j->p->s, .req = j->req, .arg = {j->stack}};
	struct err err = {0};
	auto_json *answer = NULL;
	int code;

	if (!j->req) {
		job_free(j);
		return;
	}
	answer = j->text.len ? json_parse(j->text.data, j->text.len, &err) : NULL;
	code = (int)json_int(answer, "code", -EIO);
	if (j->late)
		code = err_set(&err, -EBUSY, "the plan took longer than %d s and was given up",
			       PLAN_MS / 1000);
	else if (j->large)
		code = err_set(&err, -E2BIG, "the plan is larger than %u MB", PLAN_BYTES >> 20);
	else if (!answer)
		code = err_set(&err, -EIO,
			       "the plan ended early; it may have lacked memory or time");
	else if (code)
		err_set(&err, code, "%s", json_str_or(answer, "error", "the plan failed"));
	httpd_on_close(j->req, NULL, NULL);
	j->cb(&c, code ? NULL : json_object_get(answer, "plan"), code, &err, j->request);
	job_free(j);
}

/* Done when the pipe was read to its end and the process was reaped. */
static void settle(struct job *j)
{
	if (j->fd < 0 && !j->pid)
		finish(j);
}

static void stop_reading(struct job *j)
{
	watch_free(j->read);
	j->read = NULL;
	close(j->fd);
	j->fd = -1;
}

static void on_read(int fd, unsigned flags, void *arg)
{
	struct job *j = arg;
	char room[PLAN_READ];
	ssize_t n = read(fd, room, sizeof(room));

	(void)flags;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && j->text.len + (size_t)n > PLAN_BYTES) {
		j->large = true;
		if (j->pid > 0)
			kill(j->pid, SIGKILL);
		n = 0;
	}
	if (n > 0) {
		str_addn(&j->text, room, (size_t)n);
		return;
	}
	stop_reading(j);
	settle(j);
}

static void on_child(pid_t pid, int status, void *arg)
{
	struct job *j = arg;

	(void)pid, (void)status;
	j->pid = 0;
	settle(j);
}

static void on_late(void *arg)
{
	struct job *j = arg;

	j->late = true;
	if (j->pid > 0)
		kill(j->pid, SIGKILL);
}

static void on_close(void *arg)
{
	struct job *j = arg;

	j->req = NULL;
	if (j->pid > 0)
		kill(j->pid, SIGKILL);
}

static int spawn(struct job *j, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return err_sys(err, -errno, "cannot make a pipe for the plan");
	j->pid = fork();
	if (j->pid == 0)
		child_main(j, fds[1]);
	if (j->pid < 0) {
		int r = err_sys(err, -errno, "cannot start a process for the plan");

		j->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	close(fds[1]);
	j->fd = fds[0];
	fcntl(j->fd, F_SETFL, O_NONBLOCK);
	return 0;
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
	*j = (struct job){.p = p, .req = c->req, .request = request_taken, .cb = cb, .fd = -1};
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
	j->read = watch_fd(p->s->loop, j->fd, WATCH_READ, on_read, j);
	j->child = watch_child(p->s->loop, j->pid, on_child, j);
	j->timer = timer_new(p->s->loop, on_late, j);
	timer_set(j->timer, PLAN_MS);
	httpd_on_close(c->req, on_close, j);
}
