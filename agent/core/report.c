/* SPDX-License-Identifier: Apache-2.0
 * Batches of task reports. */
#include "agent/core/report.h"
#include "base/map.h"
#include "base/mem.h"

#define REPORT_BATCH 2000 /* tasks in one message */

struct report {
	struct timer *flush;
	struct map pending; /* id -> json_t * */
	void (*send)(json_t *msg_taken, void *arg);
	void *arg;
};

static void free_json(void *p)
{
	json_decref(p);
}

static void send_tasks(struct report *r, json_t *tasks_taken)
{
	json_t *msg = json_object();
	json_object_set_new(msg, "tasks", tasks_taken);
	r->send(msg, r->arg);
}

static void flush_now(void *arg)
{
	struct report *r = arg;
	if (r->send && r->pending.n > 0) {
		json_t *tasks = json_array();
		map_each(&r->pending, e)
		{
			json_array_append(tasks, e->val);
			if (json_array_size(tasks) == REPORT_BATCH) {
				send_tasks(r, tasks);
				tasks = json_array();
			}
		}
		if (json_array_size(tasks) > 0)
			send_tasks(r, tasks);
		else
			json_decref(tasks);
	}
	map_clear(&r->pending);
}

struct report *report_new(struct loop *l)
{
	struct report *r = xcalloc(1, sizeof(*r));
	r->pending.free_val = free_json;
	r->flush = timer_new(l, flush_now, r);
	return r;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	timer_free(r->flush);
	map_clear(&r->pending);
	free(r);
}

void report_listen(struct report *r, void (*send)(json_t *msg_taken, void *arg), void *arg)
{
	r->send = send;
	r->arg = arg;
}

void report_task(struct report *r, const struct wire_report *t)
{
	if (!r->send)
		return;
	map_set(&r->pending, t->id, wire_report_json(t));
	if (!timer_is_set(r->flush))
		timer_set(r->flush, 0);
}
