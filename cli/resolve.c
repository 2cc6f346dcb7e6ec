/* SPDX-License-Identifier: Apache-2.0
 * Names to tasks and services. */
#include "cli/resolve.h"
#include "manifests/task.h"
#include <errno.h>
#include <string.h>

#define ID_PREFIX_MIN 3

const char *member_text(const json_t *obj, const char *key)
{
	const char *text = json_str(obj, key);

	return text && *text ? text : NULL;
}

/* Does name mean this service, by its full names? */
static bool service_full(const char *name, const char *stack, const char *service)
{
	size_t n = strlen(stack);

	return strncmp(name, stack, n) == 0 && (name[n] == '_' || name[n] == '/') &&
	       streq(name + n + 1, service);
}

/* The stack of the services or tasks called name alone; NULL: none, or err set when several. */
static int stack_of_short(const json_t *list, const char *key, const char *name, const char **ret,
			  struct err *err)
{
	const json_t *it;
	size_t i;

	*ret = NULL;
	json_array_foreach(list, i, it)
	{
		const char *stack = json_str_or(it, "stack", "");

		if (!streq(json_str(it, key), name))
			continue;
		if (*ret && !streq(*ret, stack))
			return err_set(
				err, -EINVAL,
				"service '%s' is in the stacks '%s' and '%s'; write %s_%s or "
				"%s_%s",
				name, *ret, stack, *ret, name, stack, name);
		*ret = stack;
	}
	return 0;
}

static bool task_live(const json_t *task)
{
	enum task_state s = task_state_parse(json_str(task, "state"));

	return !task_state_ended(s) && s != TASK_LOST && s != TASK_STOPPING;
}

/* Is a better than b, of two tasks with one name? */
static bool task_better(const json_t *a, const json_t *b)
{
	if (!b || task_live(a) != task_live(b))
		return !b || task_live(a);
	return json_int(a, "since_ms", 0) > json_int(b, "since_ms", 0);
}

static const json_t *task_by_name(const json_t *tasks, const char *name)
{
	const json_t *best = NULL, *it;
	size_t i;

	json_array_foreach(tasks, i, it) if ((streq(json_str(it, "name"), name) ||
					      streq(json_str(it, "container_name"), name)) &&
					     task_better(it, best)) best = it;
	return best;
}

static int task_by_id(const json_t *tasks, const char *prefix, const json_t **ret, struct err *err)
{
	const json_t *it;
	size_t i, n = strlen(prefix);

	*ret = NULL;
	if (n < ID_PREFIX_MIN)
		return 0;
	json_array_foreach(tasks, i, it)
	{
		if (strncmp(json_str_or(it, "id", ""), prefix, n) != 0)
			continue;
		if (*ret)
			return err_set(err, -EINVAL,
				       "'%s' begins the ids of several tasks; write more of it",
				       prefix);
		*ret = it;
	}
	return 0;
}

static int tasks_of_service(const json_t *tasks, const char *name, json_t *out, struct err *err)
{
	const char *stack = NULL;
	json_t *it;
	size_t i;
	int r = stack_of_short(tasks, "service", name, &stack, err);

	if (r)
		return r;
	json_array_foreach(tasks, i, it)
	{
		const char *s = json_str_or(it, "stack", ""), *v = json_str_or(it, "service", "");

		if (service_full(name, s, v) || (stack && streq(v, name)))
			json_array_append(out, it);
	}
	return 0;
}

int resolve_tasks(const json_t *tasks, const char *name, json_t **ret, struct err *err)
{
	auto_json *out = json_array();
	const json_t *one = task_by_name(tasks, name);
	int r = 0;

	if (!one)
		r = tasks_of_service(tasks, name, out, err);
	if (!r && !one && !json_array_size(out))
		r = task_by_id(tasks, name, &one, err);
	if (r)
		return r;
	if (one)
		json_array_append(out, (json_t *)one);
	if (!json_array_size(out))
		return err_set(err, -ENOENT,
			       "there is no task and no service '%s'; `carrack ps` lists them",
			       name);
	*ret = take_ptr(out);
	return 0;
}

int resolve_running(const json_t *tasks, const char *name, const json_t **ret, struct err *err)
{
	auto_json *found = NULL;
	const json_t *it, *one = NULL;
	size_t i, n = 0;
	int r = resolve_tasks(tasks, name, &found, err);

	if (r)
		return r;
	json_array_foreach(found, i, it)
	{
		enum task_state s = task_state_parse(json_str(it, "state"));

		if (s != TASK_RUNNING && s != TASK_STARTING)
			continue;
		one = it;
		n++;
	}
	if (n == 0)
		return err_set(err, -ENOENT, "'%s' has no running task; see `carrack ps`", name);
	if (n > 1)
		return err_set(err, -EINVAL,
			       "service '%s' has %zu running tasks; name one, for example %s", name,
			       n, json_str_or(one, "name", ""));
	*ret = one;
	return 0;
}

int resolve_service(const json_t *services, const char *name, const json_t **ret, struct err *err)
{
	const char *stack = NULL;
	const json_t *it, *found = NULL;
	size_t i;
	int r = stack_of_short(services, "name", name, &stack, err);

	if (r)
		return r;
	json_array_foreach(services, i, it)
	{
		const char *s = json_str_or(it, "stack", ""), *v = json_str_or(it, "name", "");

		if (service_full(name, s, v) || (stack && streq(v, name)))
			found = it;
	}
	if (!found)
		return err_set(err, -ENOENT,
			       "there is no service '%s'; `carrack ls STACK` lists them", name);
	*ret = found;
	return 0;
}
