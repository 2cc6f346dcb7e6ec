/* SPDX-License-Identifier: Apache-2.0
 * Events: those kept, and a stream of those to come. */
#include "base/num.h"
#include "controller/api/api.h"

#define SEQ_MAX (INT64_MAX / 2)

/* Answers 400 and returns false when there is a since that is no number. */
static bool since_of(struct call *c, int64_t none, int64_t *ret)
{
	const char *text = httpd_query(c->req, "since");

	*ret = none;
	if (!text || num_parse_i64(text, 0, SEQ_MAX, ret))
		return true;
	httpd_reply_error(c->req, 400, "'since' must be the number of an event, not '%.40s'", text);
	return false;
}

void api_event_list(struct call *c)
{
	auto_str text = {0};
	int64_t since;

	if (!since_of(c, 0, &since))
		return;
	events_text(c->s->events, since, &text);
	httpd_reply_text(c->req, 200, "application/json", text.data);
}

void api_event_follow(struct call *c)
{
	struct events *e = c->s->events;
	int64_t since;

	if (!since_of(c, SEQ_MAX, &since))
		return;
	if (events_full(e)) {
		httpd_reply_error(c->req, 429, "%d clients follow events already; stop one of them",
				  EVENTS_FOLLOWERS_MAX);
		return;
	}
	events_follow(e, httpd_upgrade(c->req, &events_ops, e), since);
}
