/* SPDX-License-Identifier: Apache-2.0
 * The event loop over libevent; see loop.h. */
#include "base/loop.h"
#include "base/mem.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

struct deferred {
	struct deferred *next;
	void (*cb)(void *arg);
	void *arg;
};

struct loop {
	struct event_base *base;
	struct event *turn; /* runs what was deferred, in the next turn */
	struct deferred *first, **last;
	struct loop_last *orphans;
};

struct timer {
	struct event *ev;
	void (*cb)(void *arg);
	void *arg;
};

struct watch {
	struct event *ev;
	watch_cb on_fd;
	void (*on_signal)(int signo, void *arg);
	void (*on_child)(pid_t pid, int status, void *arg);
	void *arg;
	pid_t pid;
	int pidfd; /* owned; -1 unless a child is watched */
};

static void *or_abort(void *p)
{
	if (!p)
		abort();
	return p;
}

static void run_deferred(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct loop *l = arg;
	struct deferred *d = take_ptr(l->first); /* those that come meanwhile wait for their turn */
	l->last = &l->first;
	while (d) {
		auto_free struct deferred *this = d;
		d = d->next;
		this->cb(this->arg);
	}
}

struct loop *loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));
	struct event_config *config = or_abort(event_config_new());
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	l->base = or_abort(event_base_new_with_config(config));
	event_config_free(config);
	l->turn = or_abort(event_new(l->base, -1, 0, run_deferred, l));
	l->last = &l->first;
	signal(SIGPIPE, SIG_IGN);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->orphans) {
		struct loop_last *last = l->orphans;
		loop_forget(last);
		last->cb(last->arg);
	}
	while (l->first) {
		struct deferred *d = l->first;
		l->first = d->next;
		free(d);
	}
	event_free(l->turn);
	event_base_free(l->base);
	free(l);
}

void loop_run(struct loop *l)
{
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}

void loop_defer(struct loop *l, void (*cb)(void *arg), void *arg)
{
	struct deferred *d = xcalloc(1, sizeof(*d));
	d->cb = cb;
	d->arg = arg;
	*l->last = d;
	l->last = &d->next;
	struct timeval now = {0, 0};
	if (!event_pending(l->turn, EV_TIMEOUT, NULL))
		event_add(l->turn, &now);
}

void loop_remember(struct loop *l, struct loop_last *last)
{
	last->next = l->orphans;
	last->prev = &l->orphans;
	if (last->next)
		last->next->prev = &last->next;
	l->orphans = last;
}

void loop_forget(struct loop_last *last)
{
	if (!last->prev)
		return;
	*last->prev = last->next;
	if (last->next)
		last->next->prev = last->prev;
	last->prev = NULL;
}

void *loop_base(struct loop *l)
{
	return l->base;
}

static int64_t read_clock_ms(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t clock_ms(void)
{
	return (uint64_t)read_clock_ms(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
	return read_clock_ms(CLOCK_REALTIME);
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct timer *t = arg;
	t->cb(t->arg);
}

struct timer *timer_new(struct loop *l, void (*cb)(void *arg), void *arg)
{
	struct timer *t = xcalloc(1, sizeof(*t));
	t->cb = cb;
	t->arg = arg;
	t->ev = or_abort(event_new(l->base, -1, 0, timer_fired, t));
	return t;
}

void timer_set(struct timer *t, uint64_t after_ms)
{
	struct timeval tv = {(time_t)(after_ms / 1000), (suseconds_t)(after_ms % 1000 * 1000)};
	event_add(t->ev, &tv);
}

void timer_stop(struct timer *t)
{
	event_del(t->ev);
}

bool timer_is_set(const struct timer *t)
{
	return event_pending(t->ev, EV_TIMEOUT, NULL);
}

void timer_free(struct timer *t)
{
	if (!t)
		return;
	event_free(t->ev);
	free(t);
}

static struct watch *watch_new(void *arg)
{
	struct watch *w = xcalloc(1, sizeof(*w));
	w->arg = arg;
	w->pidfd = -1;
	return w;
}

static void fd_ready(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	unsigned flags = 0;
	if (what & EV_READ)
		flags |= WATCH_READ;
	if (what & EV_WRITE)
		flags |= WATCH_WRITE;
	w->on_fd(fd, flags, w->arg);
}

struct watch *watch_fd(struct loop *l, int fd, unsigned flags, watch_cb cb, void *arg)
{
	struct watch *w = watch_new(arg);
	short what = EV_PERSIST;
	if (flags & WATCH_READ)
		what |= EV_READ;
	if (flags & WATCH_WRITE)
		what |= EV_WRITE;
	w->on_fd = cb;
	w->ev = or_abort(event_new(l->base, fd, what, fd_ready, w));
	event_add(w->ev, NULL);
	return w;
}

static void signal_came(evutil_socket_t signo, short what, void *arg)
{
	(void)what;
	struct watch *w = arg;
	w->on_signal(signo, w->arg);
}

struct watch *watch_signal(struct loop *l, int signo, void (*cb)(int signo, void *arg), void *arg)
{
	struct watch *w = watch_new(arg);
	w->on_signal = cb;
	w->ev = or_abort(evsignal_new(l->base, signo, signal_came, w));
	event_add(w->ev, NULL);
	return w;
}

/* The wait status that waitpid would have given. */
static int wait_status(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return (info->si_status & 0x7f) | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

static void child_ended(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct watch *w = arg;
	siginfo_t info = {0};
	int r;
	do {
		r = waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	} while (r < 0 && errno == EINTR);
	if (r == 0 && info.si_pid == 0)
		return; /* not yet */
	event_del(w->ev);
	/* Reaped behind our back: the status is lost, and lost is not success. */
	int status = r == 0 ? wait_status(&info) : W_EXITCODE(255, 0);
	w->on_child(w->pid, status, w->arg);
}

struct watch *watch_child(struct loop *l, pid_t pid, void (*cb)(pid_t pid, int status, void *arg),
			  void *arg)
{
	struct watch *w = watch_new(arg);
	w->on_child = cb;
	w->pid = pid;
	w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (w->pidfd < 0)
		abort(); /* our own child that nobody reaped: only descriptors can be short */
	w->ev = or_abort(event_new(l->base, w->pidfd, EV_READ | EV_PERSIST, child_ended, w));
	event_add(w->ev, NULL);
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	event_free(w->ev);
	if (w->pidfd >= 0)
		close(w->pidfd);
	free(w);
}
