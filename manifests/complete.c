/* SPDX-License-Identifier: Apache-2.0
 * What records of canonical files have beyond their fields: paths, defaults, older spellings; see
 * shape_complete in shape.h. */
#include "base/num.h"
#include "manifests/shape.h"
#include "manifests/words.h"

#include <stdlib.h>
#include <string.h>

static void put_text(struct shape *x, struct node *map, const char *key, const char *text)
{
	shape_put(x, map, key, shape_text(x, NODE_STR, text, map));
}

static void set_default(struct shape *x, struct node *map, const char *key, enum node_kind kind,
			const char *text)
{
	if (!node_find(map, key))
		shape_put(x, map, key, shape_text(x, kind, text, map));
}

static bool has_text(const struct node *map, const char *key, const char *text)
{
	const struct node_pair *p = node_find(map, key);
	return p && node_is_scalar(p->value) && strcmp(p->value->text, text) == 0;
}

static void complete_mount(struct shape *x, struct node *map)
{
	const struct node_pair *source = node_find(map, "source");
	const struct node_pair *target = node_find(map, "target");
	if (target && node_is_scalar(target->value) && target->value->text[0] == '/') {
		auto_free char *path = path_clean(target->value->text);
		shape_set(x, map, "target", shape_text(x, NODE_STR, path, target->value));
	}
	if (source && node_is_scalar(source->value) && has_text(map, "type", "bind")) {
		auto_free char *path = shape_path(x, source->value->text);
		shape_set(x, map, "source", shape_text(x, NODE_STR, path, source->value));
	}
}

/* external: {name: X}, the old way, says two things */
static void complete_external(struct shape *x, struct node *map)
{
	const struct node_pair *p = node_find(map, "external");
	if (!p || p->value->kind != NODE_MAP)
		return;
	const struct node_pair *name = node_find(p->value, "name");
	struct node *value = name ? name->value : NULL;
	const struct node_pair *own = node_find(map, "name");
	if (value && own && !shape_equal(own->value, value))
		return; /* consist.c says so */
	shape_set(x, map, "external", shape_text(x, NODE_BOOL, "true", p->value));
	if (value && !node_find(map, "name"))
		shape_put(x, map, "name", value);
}

/* A volume of the local driver that is a bind mount: its device is a path here. */
static void complete_volume(struct shape *x, struct node *map)
{
	const struct node_pair *options = node_find(map, "driver_opts");
	if (!options || options->value->kind != NODE_MAP || !has_text(map, "driver", "local") ||
	    !has_text(options->value, "o", "bind"))
		return;
	const struct node_pair *device = node_find(options->value, "device");
	if (device && node_is_scalar(device->value)) {
		auto_free char *path = shape_path(x, device->value->text);
		shape_set(x, options->value, "device",
			  shape_text(x, NODE_STR, path, device->value));
	}
}

/* Any device will do where none is named. */
static void complete_device(struct shape *x, struct node *map)
{
	const struct node_pair *count = node_find(map, "count");
	if (count && has_text(map, "count", "all"))
		shape_set(x, map, "count", shape_text(x, NODE_INT, "-1", count->value));
	else if (!count && !node_find(map, "device_ids"))
		shape_put(x, map, "count", shape_text(x, NODE_INT, "-1", map));
}

static void complete_service(struct shape *x, struct node *map)
{
	const struct node_pair *policy = node_find(map, "pull_policy");
	if (policy && has_text(map, "pull_policy", "if_not_present"))
		shape_set(x, map, "pull_policy", shape_text(x, NODE_STR, "missing", policy->value));
}

/* permission bits, always octal; a number without a leading 0 is decimal */
static void complete_grant(struct shape *x, struct node *map)
{
	const struct node_pair *p = node_find(map, "mode");
	uint64_t value = 0;
	if (!p || !node_is_scalar(p->value))
		return;
	const char *text = p->value->text;
	if (text[0] == '0' || p->value->kind == NODE_STR) {
		char *end;
		value = strtoull(text + (str_starts(text, "0o") ? 2 : 0), &end, 8) & 077777;
		if (*end)
			return;
	} else if (!num_parse_u64(text, 077777, &value)) {
		return;
	}
	auto_free char *octal = xasprintf("0%llo", (unsigned long long)value);
	shape_set(x, map, "mode", shape_text(x, NODE_STR, octal, p->value));
}

static void complete_build(struct shape *x, struct node *map)
{
	if (!node_find(map, "context")) {
		auto_free char *path = shape_path(x, ".");
		put_text(x, map, "context", path);
	}
	if (!node_find(map, "dockerfile_inline"))
		set_default(x, map, "dockerfile", NODE_STR, "Dockerfile");
}

void shape_complete(struct shape *x, const struct record *r, struct node *map)
{
	if (r == &record_mount)
		complete_mount(x, map);
	if (r == &record_network || r == &record_volume || r == &record_top_config ||
	    r == &record_top_secret)
		complete_external(x, map);
	if (r == &record_volume)
		complete_volume(x, map);
	if (!x->finish)
		return;
	if (r == &record_service)
		complete_service(x, map);
	if (r == &record_gpu || r == &record_reserved_device)
		complete_device(x, map);
	if (r == &record_grant)
		complete_grant(x, map);
	if (r == &record_build)
		complete_build(x, map);
	if (r == &record_port) {
		set_default(x, map, "mode", NODE_STR, "ingress");
		set_default(x, map, "protocol", NODE_STR, "tcp");
	}
	if (r == &record_depends) {
		set_default(x, map, "condition", NODE_STR, "service_started");
		set_default(x, map, "required", NODE_BOOL, "true");
	}
	if (r == &record_env_file)
		set_default(x, map, "required", NODE_BOOL, "true");
}
