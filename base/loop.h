/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop of a daemon (libevent behind it): timers, descriptors, signals, children. One loop
 * a process, one thread. Callbacks may free the object that called them.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct timer;
struct watch;

struct loop *loop_new(void);    /* aborts if there is none to be had */
void loop_free(struct loop *l); /* after everything on it was freed; NULL is fine */
void loop_run(struct loop *l);  /* until loop_stop */
void loop_stop(struct loop *l);
/* Runs cb once, soon, after the callbacks that are due now (batches work of one turn). */
void loop_defer(struct loop *l, void (*cb)(void *arg), void *arg);

uint64_t clock_ms(void);     /* CLOCK_BOOTTIME, for leases, timeouts and order */
int64_t clock_wall_ms(void); /* milliseconds since the epoch, for display only */

/* One-shot timers; set again from the callback to repeat. */
struct timer *timer_new(struct loop *l, void (*cb)(void *arg), void *arg);
void timer_set(struct timer *t, uint64_t after_ms); /* replaces an earlier setting */
void timer_stop(struct timer *t);
bool timer_is_set(const struct timer *t);
void timer_free(struct timer *t); /* NULL is fine */

enum watch_flags { WATCH_READ = 1, WATCH_WRITE = 2 };
typedef void (*watch_cb)(int fd, unsigned flags, void *arg);
/* Level-triggered until freed. Does not own fd. */
struct watch *watch_fd(struct loop *l, int fd, unsigned flags, watch_cb cb, void *arg);
struct watch *watch_signal(struct loop *l, int signo, void (*cb)(int signo, void *arg), void *arg);
/* Calls cb once when the child pid ended, with its wait status; reaps it. */
struct watch *watch_child(struct loop *l, pid_t pid, void (*cb)(pid_t pid, int status, void *arg),
			  void *arg);
void watch_free(struct watch *w); /* NULL is fine */

/* What must be freed with the loop although nobody owns it any more (a connection that is still
 * sending its last bytes): cb runs in loop_free unless loop_forget came first. */
struct loop_last {
	struct loop_last *next, **prev; /* private */
	void (*cb)(void *arg);
	void *arg;
};
void loop_remember(struct loop *l, struct loop_last *last);
void loop_forget(struct loop_last *last); /* fine when it was not remembered */

/* The event_base, for httpd.c and conn.c only. */
void *loop_base(struct loop *l);
