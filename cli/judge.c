/* SPDX-License-Identifier: Apache-2.0
 * Whether a stack has come up. */
#include "cli/judge.h"
#include "cli/resolve.h"
#include "manifests/task.h"
#include <string.h>

void judge_init(struct judge *j)
{
	*j = (struct judge){.trouble = {.free_val = free}, .settle_ms = JUDGE_SETTLE_MS};
}

void judge_done(struct judge *j)
{
	map_clear(&j->trouble);
	map_clear(&j->replaced);
}

void judge_ignore(struct judge *j, const char *task_id)
{
	map_set(&j->replaced, task_id, j);
}

void judgement_done(struct judgement *g)
{
	free_and_null(&g->why);
}

bool judge_task_wanted(const json_t *task)
{
	const char *desired = json_str_or(task, "desired", "running");

	return streq(desired, "running");
}

bool judge_service_up(const json_t *service)
{
	const char *update = json_str_or(json_object_get(service, "update"), "state", "");

	return !streq(update, "updating") &&
	       json_int(service, "running", 0) >= json_int(service, "replicas", 0);
}

/* How long the task has been in trouble, now included; forgets it when it no longer is. */
static uint64_t trouble_ms(struct judge *j, const char *id, bool in_trouble, uint64_t now_ms)
{
	uint64_t *first = map_get(&j->trouble, id);

	if (!in_trouble) {
		map_del(&j->trouble, id);
		return 0;
	}
	if (!first) {
		first = xmemdup(&now_ms, sizeof(now_ms));
		map_set(&j->trouble, id, first);
	}
	return now_ms - *first;
}

/* The sentence why this task will not come up; NULL while it may. */
static char *task_failed(struct judge *j, const json_t *task, uint64_t now_ms)
{
	enum task_state state = task_state_parse(json_str(task, "state"));
	int64_t code = json_int(task, "exit_code", -1), restarts = json_int(task, "restarts", 0);
	const char *reason = member_text(task, "reason");
	bool never_ran = state == TASK_BACKOFF && code < 0;
	/* Waiting without a reason is the controller still thinking. */
	bool waits = json_bool(task, "waits", false); /* for another task, which is judged itself */
	bool stuck = never_ran || (state == TASK_PENDING && reason && !waits);
	uint64_t ms = trouble_ms(j, json_str_or(task, "id", ""), stuck, now_ms);
	auto_str why = {0};

	if (state != TASK_FAILED && !(state == TASK_BACKOFF && restarts >= JUDGE_RESTARTS) &&
	    !(never_ran && ms >= JUDGE_BACKOFF_MS) &&
	    !(state == TASK_PENDING && stuck && ms >= JUDGE_PENDING_MS))
		return NULL;
	str_add(&why, reason ? reason : "it ended");
	if (code >= 0 && !reason)
		str_addf(&why, " with exit status %lld", (long long)code);
	else if (code >= 0 && !strstr(reason, "status"))
		str_addf(&why, " (exit status %lld)", (long long)code);
	if (restarts > 0)
		str_addf(&why, ", restarted %lld times", (long long)restarts);
	return str_take(&why);
}

/* Services: all up, still on the way, or an update that gave up. */
static enum verdict services_judge(const json_t *services, char **ret_why)
{
	enum verdict v = VERDICT_READY;
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s)
	{
		const json_t *update = json_object_get(s, "update");
		const char *state = json_str_or(update, "state", "");

		if (streq(state, "paused") || streq(state, "rolling back")) {
			*ret_why = xasprintf("the update of service '%s' is %s: %s",
					     json_str_or(s, "name", "?"), state,
					     member_text(update, "why") ? member_text(update, "why")
									: "a new task failed");
			return VERDICT_FAILED;
		}
		if (!judge_service_up(s))
			v = VERDICT_WAIT;
	}
	return v;
}

void judge_stack(struct judge *j, const json_t *services, const json_t *tasks, uint64_t now_ms,
		 struct judgement *out)
{
	const json_t *t;
	size_t i;

	*out = (struct judgement){.verdict = VERDICT_WAIT};
	json_array_foreach(tasks, i, t)
	{
		bool counts =
			judge_task_wanted(t) && !map_has(&j->replaced, json_str_or(t, "id", ""));
		char *why = counts ? task_failed(j, t, now_ms) : NULL;

		if (why && !out->why) {
			out->verdict = VERDICT_FAILED;
			out->task = t;
			out->why = take_ptr(why);
		}
		free(why);
	}
	if (out->verdict == VERDICT_WAIT)
		out->verdict = services_judge(services, &out->why);
	if (out->verdict != VERDICT_READY)
		j->up_ms = 0;
	else if (!j->up_ms)
		j->up_ms = now_ms ? now_ms : 1;
	if (out->verdict == VERDICT_READY && now_ms - j->up_ms < j->settle_ms)
		out->verdict = VERDICT_WAIT;
}
