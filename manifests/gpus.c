/* SPDX-License-Identifier: Apache-2.0
 * `gpus` and deploy.resources.reservations.devices: devices by name, as files of the node describe them
 * (CDI); they become names under `devices`. See decode.h. */
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/limits.h"

#include <string.h>

#define GPUS_MAX 64

bool spec_device_named(const char *text)
{
	const char *slash = strchr(text, '/'), *eq = strchr(text, '=');
	return text[0] != '/' && slash && eq && slash + 1 < eq && eq[1] && !strchr(eq, '/') &&
	       strcspn(text, " \t\n") == strlen(text);
}

static bool has_capability(const struct node *n, const char *word)
{
	const struct node_pair *p = node_find(n, "capabilities");
	for (size_t i = 0; p && p->value->kind == NODE_SEQ && i < p->value->n; i++)
		if (node_is_scalar(p->value->items[i]) && streq(p->value->items[i]->text, word))
			return true;
	return false;
}

static void add(struct decode *c, const struct node *n, const char *name, struct strlist *out)
{
	if (!spec_device_named(name))
		decode_refuse(c, n, "'%.100s' is not the name of a device, vendor.com/class=name",
			      name);
	else if (!strlist_has(out, name))
		strlist_add(out, name);
}

/* device_ids, or count of them from 0, or all. */
static void add_of_kind(struct decode *c, const struct node *n, const char *kind,
			struct strlist *out)
{
	const struct node_pair *ids = node_find(n, "device_ids"), *count = node_find(n, "count");
	int64_t number = -1;
	for (size_t i = 0; ids && ids->value->kind == NODE_SEQ && i < ids->value->n; i++) {
		const char *id = ids->value->items[i]->text;
		auto_free char *name = *kind ? xasprintf("%s=%s", kind, id) : xstrdup(id);
		add(c, ids->value->items[i], name, out);
	}
	if (ids)
		return;
	if (count && !streq(count->value->text, "all") &&
	    !num_parse_i64(count->value->text, -1, GPUS_MAX, &number))
		decode_refuse(c, count->value, "'count' must be all, or from 1 to %d", GPUS_MAX);
	if (number < 0) {
		auto_free char *name = xasprintf("%s=all", kind);
		add(c, n, name, out);
	}
	for (int64_t i = 0; i < number; i++) {
		auto_free char *name = xasprintf("%s=%lld", kind, (long long)i);
		add(c, n, name, out);
	}
}

static void device_request(struct decode *c, const struct node *n, bool gpu, struct strlist *out)
{
	const struct node_pair *p = node_find(n, "driver");
	const char *driver = p && node_is_scalar(p->value) ? p->value->text : "";
	if (n->kind != NODE_MAP || n->broken)
		return;
	if (node_find(n, "options"))
		decode_warn(c, n, "'options' of a device are not used");
	gpu = gpu || has_capability(n, "gpu");
	if (streq(driver, "cdi") && node_find(n, "device_ids"))
		add_of_kind(c, n, "", out);
	else if (streq(driver, "nvidia") || (!*driver && gpu))
		add_of_kind(c, n, "nvidia.com/gpu", out);
	else if (streq(driver, "amd"))
		add_of_kind(c, n, "amd.com/gpu", out);
	else
		decode_refuse(c, n,
			      "nodes know devices by the names of their CDI files alone: use "
			      "'driver: cdi' and 'device_ids: [vendor.com/class=name]'");
}

static void requests(struct decode *c, const struct node *n, bool gpu, struct strlist *out)
{
	const struct node all = {.kind = NODE_MAP,
				 .file = n->file,
				 .line = n->line,
				 .column = n->column};
	if (node_is_scalar(n) && !n->broken && gpu)
		device_request(c, &all, true, out);
	for (size_t i = 0; n->kind == NODE_SEQ && i < n->n && i < LIMIT_SERVICE_LIST; i++)
		device_request(c, n->items[i], gpu, out);
}

FIELD_DECODER(decode_gpus)
{
	(void)f;
	requests(c, n, true, &((struct spec_service *)obj)->devices);
}

FIELD_DECODER(decode_reserved_devices)
{
	(void)f;
	requests(c, n, false, &((struct spec_service *)obj)->devices);
}
