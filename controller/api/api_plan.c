/* SPDX-License-Identifier: Apache-2.0
 * Plans: what an apply would do, and an apply that does exactly what its plan says. */
#include "controller/api/planner.h"
#include "manifests/limits.h"
#include "manifests/stackfile.h"
#include <errno.h>

static json_t *request_of(struct call *c)
{
	if (spec_name_valid(c->arg[0]))
		return api_body(c);
	httpd_reply_error(c->req, 400, "stack name '%.100s' is not valid", c->arg[0]);
	return NULL;
}

static void tell_plan(struct call *c, json_t *plan, int code, const struct err *err,
		      json_t *request)
{
	(void)request;
	if (code)
		api_fail(c, code, err);
	else
		httpd_reply_json(c->req, 200, json_incref(plan));
}

void api_plan(struct call *c)
{
	json_t *request = request_of(c);

	if (request)
		planner_start(c, request, tell_plan);
}

static int carry_out(struct call *c, const json_t *request, json_t **answer, struct err *err)
{
	const json_t *scale = json_object_get(request, "scale");
	const json_t *stack = json_object_get(request, "stack");

	if (stack)
		return cluster_stack_put(c->s->cluster, c->arg[0], stack, answer, err);
	if (scale)
		return cluster_scale(c->s->cluster, c->arg[0], json_str_or(scale, "service", ""),
				     json_int(scale, "replicas", -1), err);
	return cluster_stack_del(c->s->cluster, c->arg[0], err);
}

/* The stack may have been changed while the plan was worked out again. */
static int same_revision(const struct call *c, const json_t *plan, struct err *err)
{
	auto_json *stack = cluster_stack_json(c->s->cluster, c->arg[0]);

	if (json_int(stack, "revision", 0) == json_int(plan, "revision", 0))
		return 0;
	return err_set(err, -ESTALE, "the stack '%s' was changed just now; plan it again",
		       c->arg[0]);
}

static void apply_plan(struct call *c, json_t *plan, int code, const struct err *why,
		       json_t *request)
{
	const json_t *saved = json_object_get(request, "plan");
	struct err err = {0};
	json_t *answer = NULL;

	if (code) {
		api_fail(c, code, why);
		return;
	}
	code = cluster_plan_same(saved, plan, &err);
	if (!code)
		code = same_revision(c, plan, &err);
	if (!code)
		code = carry_out(c, request, &answer, &err);
	if (code) {
		api_fail(c, code, &err);
		return;
	}
	cluster_plan_follow(c->s->cluster, plan);
	server_reply(c, 200, answer);
}

void api_plan_apply(struct call *c)
{
	json_t *request = request_of(c);

	if (!request)
		return;
	if (json_is_object(json_object_get(request, "plan"))) {
		planner_start(c, request, apply_plan);
		return;
	}
	json_decref(request);
	httpd_reply_error(c->req, 400, "the request holds no 'plan'");
}
