/* SPDX-License-Identifier: Apache-2.0
 *
 * Has a stack come up? Judged from the controller's lists of its services and tasks, and from how long
 * tasks have been in trouble. Pure but for what it remembers between calls.
 */
#pragma once
#include "base/json.h"
#include "base/map.h"
#include <stdbool.h>
#include <stdint.h>

#define JUDGE_PENDING_MS 3000 /* a task that fits no node for so long fails the apply */
#define JUDGE_BACKOFF_MS 5000 /* so does one that could not even be started for so long */
#define JUDGE_RESTARTS   3    /* and one that ended and was restarted so often */
#define JUDGE_SETTLE_MS  150  /* up is what stays up for so long: many containers end at once */

enum verdict { VERDICT_WAIT, VERDICT_READY, VERDICT_FAILED };

struct judge {
	struct map trouble;  /* task id -> when it was first seen in trouble (uint64_t *) */
	struct map replaced; /* ids of tasks that an update is about to replace */
	uint64_t settle_ms;  /* how long everything must have been up; JUDGE_SETTLE_MS or 0 */
	uint64_t up_ms;      /* since when everything has been up; 0: it is not */
};
struct judgement {
	enum verdict verdict;
	const json_t *task; /* that failed; borrowed from tasks; NULL: none in particular */
	char *why;          /* one sentence, when failed */
};

void judge_init(struct judge *j);
void judge_done(struct judge *j);
/* The trouble of this task no longer counts: the update that is judged replaces it. */
void judge_ignore(struct judge *j, const char *task_id);
void judge_stack(struct judge *j, const json_t *services, const json_t *tasks, uint64_t now_ms,
		 struct judgement *out);
void judgement_done(struct judgement *g);
/* Have all tasks of this service come up (or ended well), and is no update under way? */
bool judge_service_up(const json_t *service);
/* Is this task one that the present stack wants? */
bool judge_task_wanted(const json_t *task);
