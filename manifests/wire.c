/* SPDX-License-Identifier: Apache-2.0
 * Tasks and reports on the wire; see wire.h. */
#include "manifests/wire.h"
#include "manifests/canon.h"
#include "manifests/limits.h"
#include "manifests/wirefield.h"

#include <errno.h>
#include <string.h>

static const char *const kind_names[KIND_MAX] = {
	[KIND_TASK] = "task", [KIND_NETWORK] = "network", [KIND_ENDPOINT] = "endpoint",
	[KIND_NODE] = "node", [KIND_INGRESS] = "ingress", [KIND_SEALED] = "sealed",
};

const char *wire_kind_name(enum wire_kind k)
{
	return k >= 0 && k < KIND_MAX ? kind_names[k] : "unknown";
}

enum wire_kind wire_kind_parse(const char *name)
{
	for (int i = 0; i < KIND_MAX; i++)
		if (streq(kind_names[i], name))
			return (enum wire_kind)i;
	return KIND_INVALID;
}

static void attach_done(struct wire_attach *a)
{
	free(a->network_id);
	free(a->ip);
	free(a->ip6);
	free(a->mac);
	strlist_done(&a->aliases);
}

void wire_task_done(struct wire_task *t)
{
	free(t->id);
	free(t->name);
	free(t->stack);
	free(t->service);
	free(t->hash);
	for (size_t k = 0; k < SPACE_MAX; k++)
		free(t->with[k]);
	spec_service_done(&t->spec);
	for (size_t i = 0; i < t->n_attach; i++)
		attach_done(&t->attach[i]);
	free(t->attach);
	for (size_t i = 0; i < t->n_volumes; i++)
		spec_volume_done(&t->volumes[i]);
	free(t->volumes);
	free(t->host_ports);
	*t = (struct wire_task){0};
}

static json_t *attach_json(const struct wire_attach *a)
{
	json_t *j = json_object();
	json_put_str(j, "network_id", a->network_id);
	json_put_str(j, "ip", a->ip);
	json_put_str(j, "ip6", a->ip6);
	json_put_str(j, "mac", a->mac);
	json_put_strlist(j, "aliases", &a->aliases);
	return j;
}

/* ["ID","",""], by enum spec_space; empty where it joins nobody. */
static json_t *joins_json(const struct wire_task *t)
{
	json_t *list = json_array();
	bool any = false;
	for (size_t k = 0; k < SPACE_MAX; k++) {
		any = any || t->with[k];
		json_array_append_new(list, json_string(t->with[k] ? t->with[k] : ""));
	}
	if (!any)
		json_array_clear(list);
	return list;
}

static int joins_parse(const json_t *j, struct wire_task *t, struct err *err)
{
	auto_strlist ids = {0};
	int rc = wire_get_list(j, "with", &ids, err);
	for (size_t k = 0; rc == 0 && k < ids.n && k < SPACE_MAX; k++) {
		if (!ids.v[k][0])
			continue;
		if (strspn(ids.v[k], "0123456789abcdef") != strlen(ids.v[k]))
			return err_set(err, -EINVAL, "'with' holds what is no id of a task");
		t->with[k] = xstrdup(ids.v[k]);
	}
	return rc;
}

json_t *wire_task_json(const struct wire_task *t)
{
	json_t *j = json_object();
	json_put_str(j, "id", t->id);
	json_put_str(j, "name", t->name);
	json_put_str(j, "stack", t->stack);
	json_put_str(j, "service", t->service);
	json_put_int(j, "slot", t->slot);
	if (t->stop)
		json_put_bool(j, "stop", true);
	json_put_str(j, "hash", t->hash);
	json_object_set_new(j, "spec", canon_service(&t->spec));
	json_t *attach = json_array();
	for (size_t i = 0; i < t->n_attach; i++)
		json_array_append_new(attach, attach_json(&t->attach[i]));
	json_put_new(j, "attach", attach);
	json_put_new(j, "with", joins_json(t));
	json_t *volumes = json_object();
	for (size_t i = 0; i < t->n_volumes; i++)
		json_object_set_new(volumes, t->volumes[i].key, canon_volume(&t->volumes[i]));
	json_put_new(j, "volumes", volumes);
	json_t *ports = json_array();
	for (size_t i = 0; i < t->n_host_ports; i++)
		json_array_append_new(ports, json_integer(t->host_ports[i]));
	json_put_new(j, "host_ports", ports);
	return j;
}

static int attach_parse(const json_t *j, struct wire_task *t, struct err *err)
{
	const json_t *list = json_object_get(j, "attach");
	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > LIMIT_SERVICE_NETWORKS)
		return err_set(err, -EINVAL, "'attach' must be a list of at most %d networks",
			       LIMIT_SERVICE_NETWORKS);
	size_t i;
	json_t *v;
	t->attach = xcalloc(json_array_size(list) + 1, sizeof(*t->attach));
	json_array_foreach(list, i, v)
	{
		struct wire_attach *a = &t->attach[t->n_attach++];
		int rc = wire_get_id(v, "network_id", true, &a->network_id, err);
		if (rc == 0)
			rc = wire_get_text(v, "ip", false, &a->ip, err);
		if (rc == 0)
			rc = wire_get_text(v, "ip6", false, &a->ip6, err);
		if (rc == 0)
			rc = wire_get_text(v, "mac", false, &a->mac, err);
		if (rc == 0)
			rc = wire_get_list(v, "aliases", &a->aliases, err);
		if (rc < 0)
			return err_wrap(err, rc, "'attach[%zu]'", i);
	}
	return 0;
}

static int volumes_parse(const json_t *j, struct wire_task *t, struct err *err)
{
	json_t *map = json_object_get(j, "volumes");
	if (!map)
		return 0;
	if (!json_is_object(map) || json_object_size(map) > LIMIT_SERVICE_MOUNTS)
		return err_set(err, -EINVAL, "'volumes' must be a mapping of at most %d volumes",
			       LIMIT_SERVICE_MOUNTS);
	const char *key;
	json_t *v;
	t->volumes = xcalloc(json_object_size(map) + 1, sizeof(*t->volumes));
	json_object_foreach(map, key, v)
	{
		int rc = canon_volume_parse(v, key, &t->volumes[t->n_volumes], err);
		if (rc < 0)
			return rc;
		t->n_volumes++;
	}
	return 0;
}

static int host_ports_parse(const json_t *j, struct wire_task *t, struct err *err)
{
	const json_t *list = json_object_get(j, "host_ports"), *v;
	size_t i;
	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > LIMIT_SERVICE_PORTS)
		return err_set(err, -EINVAL, "'host_ports' must be a list of at most %d ports",
			       LIMIT_SERVICE_PORTS);
	t->host_ports = xcalloc(json_array_size(list) + 1, sizeof(*t->host_ports));
	json_array_foreach(list, i, v)
	{
		json_int_t n = json_integer_value(v);
		if (n < 1 || n > UINT16_MAX)
			return err_set(err, -EINVAL, "'host_ports' holds what is no port");
		t->host_ports[t->n_host_ports++] = (uint16_t)n;
	}
	return 0;
}

static int task_parse(const json_t *j, struct wire_task *t, struct err *err)
{
	int64_t slot = 0;
	int rc = wire_get_id(j, "id", true, &t->id, err);
	if (rc == 0)
		rc = wire_get_text(j, "name", true, &t->name, err);
	if (rc == 0)
		rc = wire_get_text(j, "stack", true, &t->stack, err);
	if (rc == 0)
		rc = wire_get_text(j, "service", true, &t->service, err);
	if (rc == 0)
		rc = wire_get_int(j, "slot", 0, LIMIT_SERVICE_REPLICAS, &slot, err);
	if (rc == 0)
		rc = wire_get_text(j, "hash", false, &t->hash, err);
	if (rc == 0)
		rc = canon_service_parse(json_object_get(j, "spec"), t->service, &t->spec, err);
	if (rc == 0)
		rc = attach_parse(j, t, err);
	if (rc == 0)
		rc = volumes_parse(j, t, err);
	if (rc == 0)
		rc = joins_parse(j, t, err);
	if (rc == 0)
		rc = host_ports_parse(j, t, err);
	t->slot = (int)slot;
	t->stop = json_bool(j, "stop", false);
	return rc;
}

int wire_task_parse(const json_t *j, struct wire_task *out, struct err *err)
{
	struct wire_task t = {0};
	int rc = task_parse(j, &t, err);
	if (rc < 0) {
		wire_task_done(&t);
		return err_wrap(err, rc, "task");
	}
	*out = t;
	return 0;
}

void wire_report_done(struct wire_report *r)
{
	free(r->id);
	free(r->reason);
	free(r->image_digest);
	strlist_done(&r->ports);
	*r = (struct wire_report){0};
}

json_t *wire_report_json(const struct wire_report *r)
{
	json_t *j = json_object();
	json_put_str(j, "id", r->id);
	json_put_str(j, "state", task_state_name(r->state));
	if (r->health != HEALTH_NONE)
		json_put_str(j, "health", task_health_name(r->health));
	json_put_str(j, "reason", r->reason);
	json_put_int(j, "since", r->since);
	json_put_int(j, "exit_code", r->exit_code);
	json_put_int(j, "restarts", r->restarts);
	json_put_int(j, "pid", r->pid);
	json_put_str(j, "image_digest", r->image_digest);
	json_put_strlist(j, "ports", &r->ports);
	return j;
}

static int report_parse(const json_t *j, struct wire_report *r, struct err *err)
{
	int64_t exit_code = -1;
	int rc = wire_get_id(j, "id", true, &r->id, err);
	if (rc == 0)
		rc = wire_get_text(j, "reason", false, &r->reason, err);
	if (rc == 0)
		rc = wire_get_text(j, "image_digest", false, &r->image_digest, err);
	if (rc == 0)
		rc = wire_get_list(j, "ports", &r->ports, err);
	if (rc == 0)
		rc = wire_get_int(j, "since", 0, INT64_MAX, &r->since, err);
	if (rc == 0)
		rc = wire_get_int(j, "exit_code", -1, 255, &exit_code, err);
	if (rc == 0)
		rc = wire_get_int(j, "restarts", 0, INT64_MAX, &r->restarts, err);
	if (rc == 0)
		rc = wire_get_int(j, "pid", 0, INT32_MAX, &r->pid, err);
	if (rc < 0)
		return rc;
	r->exit_code = (int)exit_code;
	r->state = task_state_parse(json_str(j, "state"));
	r->health = task_health_parse(json_str_or(j, "health", ""));
	if (r->state == TASK_STATE_INVALID)
		return err_set(err, -EINVAL, "'state' is not the name of a task state");
	return 0;
}

int wire_report_parse(const json_t *j, struct wire_report *out, struct err *err)
{
	struct wire_report r = {0};
	int rc = report_parse(j, &r, err);
	if (rc < 0) {
		wire_report_done(&r);
		return err_wrap(err, rc, "report");
	}
	*out = r;
	return 0;
}
