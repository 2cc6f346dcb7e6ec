/* SPDX-License-Identifier: Apache-2.0
 * Decoders of a service's smaller keys that have several forms; see decode.h. */
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/limits.h"
#include "manifests/units.h"
#include "manifests/words.h"

#include <errno.h>
#include <string.h>

static const char *const ulimit_names[] = {
	"as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
	"nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack",
};

static bool ulimit_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ulimit_names); i++)
		if (streq(ulimit_names[i], name))
			return true;
	return false;
}

static bool ulimit_value(struct decode *c, const struct node *n, struct spec_ulimit *out)
{
	static const struct field any = {.min = -1, .max = INT64_MAX};
	if (n->kind != NODE_MAP) {
		if (!decode_int(c, n, &any, &out->soft))
			return false;
		out->hard = out->soft;
		return true;
	}
	for (size_t i = 0; i < n->n; i++) {
		bool soft = streq(n->pairs[i].key, "soft"), hard = streq(n->pairs[i].key, "hard");
		if (str_starts(n->pairs[i].key, "x-"))
			continue;
		if (!soft && !hard) {
			decode_error(c, n->pairs[i].value,
				     "a ulimit has 'soft' and 'hard', no '%.50s'", n->pairs[i].key);
			return false;
		}
		if (!decode_int(c, n->pairs[i].value, &any, soft ? &out->soft : &out->hard))
			return false;
	}
	const struct node_pair *soft = node_find(n, "soft"), *hard = node_find(n, "hard");
	if (!soft || !hard) {
		decode_error(c, n, "a ulimit needs 'soft' and 'hard'");
		return false;
	}
	return true;
}

FIELD_DECODER(decode_ulimits)
{
	struct spec_service *s = obj;
	(void)f;
	if (!decode_map(c, n, ARRAY_LEN(ulimit_names)))
		return;
	s->ulimits = xcalloc(n->n + 1, sizeof(*s->ulimits));
	for (size_t i = 0; i < n->n; i++) {
		const char *name = n->pairs[i].key;
		struct decode_mark mark = decode_enter(c, name);
		struct spec_ulimit u = {0};
		if (!ulimit_known(name)) {
			decode_refuse(c, n->pairs[i].value, "there is no ulimit '%.50s'", name);
		} else if (ulimit_value(c, n->pairs[i].value, &u)) {
			/* -1 is above all other limits */
			if ((uint64_t)u.soft > (uint64_t)u.hard)
				decode_refuse(c, n->pairs[i].value,
					      "the soft limit of '%s' is above the hard one", name);
			u.name = xstrdup(name);
			s->ulimits[s->n_ulimits++] = u;
		}
		decode_leave(c, mark);
	}
}

json_t *encode_ulimits(const void *obj)
{
	const struct spec_service *s = obj;
	json_t *j = json_object();
	for (size_t i = 0; i < s->n_ulimits; i++) {
		json_t *u = json_object();
		json_put_int(u, "soft", s->ulimits[i].soft);
		json_put_int(u, "hard", s->ulimits[i].hard);
		json_object_set_new(j, s->ulimits[i].name, u);
	}
	return j;
}

static void host_add(struct decode *c, const struct node *n, const char *name, const char *address,
		     struct strlist *out)
{
	size_t len = strlen(address);
	bool brackets = len > 1 && address[0] == '[' && address[len - 1] == ']';
	auto_free char *plain = brackets ? xstrndup(address + 1, len - 2) : xstrdup(address);
	if (!*name || strpbrk(name, " \t\n=#"))
		decode_error(c, n, "'%.100s' is not a host name", name);
	else if (!streq(plain, "host-gateway") && !address_valid(plain))
		decode_refuse(c, n, "'%.100s' is not an address of the host '%.100s'", address,
			      name);
	else
		strlist_addf(out, "%s=%s", name, plain);
}

static void host_line(struct decode *c, const struct node *n, struct strlist *out)
{
	const char *text;
	if (!decode_string(c, n, &text))
		return;
	size_t at = strcspn(text, "=");
	if (!text[at])
		at = strcspn(text, ":");
	if (!text[at]) {
		decode_error(c, n, "'%s' must be NAME=ADDRESS, not '%.100s'", c->key, text);
		return;
	}
	auto_free char *name = xstrndup(text, at);
	host_add(c, n, name, text + at + 1, out);
}

FIELD_DECODER(decode_extra_hosts)
{
	struct strlist *out = &((struct spec_service *)obj)->extra_hosts;
	(void)f;
	if (n->kind == NODE_SEQ && decode_list(c, n, LIMIT_SERVICE_LIST)) {
		for (size_t i = 0; i < n->n; i++)
			host_line(c, n->items[i], out);
		return;
	}
	if (!decode_map(c, n, LIMIT_SERVICE_LIST))
		return;
	for (size_t i = 0; i < n->n; i++) {
		const struct node *v = n->pairs[i].value;
		size_t count = v->kind == NODE_SEQ ? v->n : 1;
		for (size_t k = 0; k < count; k++) {
			const struct node *item = v->kind == NODE_SEQ ? v->items[k] : v;
			const char *address;
			if (decode_string(c, item, &address))
				host_add(c, item, n->pairs[i].key, address, out);
		}
	}
}

static void device_add(struct decode *c, const struct node *n, char *parts[3], struct strlist *out)
{
	const char *target = parts[1] ? parts[1] : parts[0];
	const char *permissions = parts[2] ? parts[2] : "rwm";
	bool split = parts[1] && !streq(parts[1], parts[0]);
	auto_free char *name =
		parts[0] ? xasprintf("%s%s%s", parts[0], split ? ":" : "", split ? parts[1] : "")
			 : xstrdup("");
	if (spec_device_named(name)) { /* which may have a ':' in it */
		strlist_add(out, name);
		return;
	}
	bool paths = parts[0] && parts[0][0] == '/' && target[0] == '/';
	if (!paths || !*permissions || strspn(permissions, "rwm") != strlen(permissions))
		decode_refuse(
			c, n,
			"a device must be /dev/HOST[:/dev/CONTAINER[:rwm]], or the name of one "
			"such as vendor.com/class=name");
	else
		strlist_addf(out, "%s:%s:%s", parts[0], target, permissions);
}

static void device_text(struct decode *c, const struct node *n, const char *text,
			struct strlist *out)
{
	auto_free char *copy = xstrdup(text);
	char *rest = copy, *parts[3] = {NULL};
	for (size_t i = 0; i < 3 && rest; i++)
		parts[i] = strsep(&rest, ":");
	if (rest)
		decode_error(c, n, "a device must be /dev/HOST[:/dev/CONTAINER[:rwm]]");
	else
		device_add(c, n, parts, out);
}

FIELD_DECODER(decode_devices)
{
	struct strlist *out = &((struct spec_service *)obj)->devices;
	static const char *const names[] = {"source", "target", "permissions"};
	(void)f;
	if (!decode_list(c, n, LIMIT_SERVICE_LIST))
		return;
	for (size_t i = 0; i < n->n; i++) {
		const struct node *item = n->items[i];
		const char *text = NULL;
		char *parts[3] = {NULL};
		if (item->kind != NODE_MAP) {
			if (decode_string(c, item, &text))
				device_text(c, item, text, out);
			continue;
		}
		decode_record(c, item, &record_device, NULL);
		for (size_t k = 0; k < 3; k++) {
			const struct node_pair *p = node_find(item, names[k]);
			if (p && decode_string(c, p->value, &text))
				parts[k] = (char *)text;
		}
		device_add(c, item, parts, out);
	}
}

FIELD_DECODER(decode_restart)
{
	static const char *const names[] = {
		[RESTART_NO] = "no",
		[RESTART_ON_FAILURE] = "on-failure",
		[RESTART_ALWAYS] = "always",
		[RESTART_UNLESS_STOPPED] = "unless-stopped",
	};
	struct spec_service *s = obj;
	const char *text;
	(void)f;
	if (!decode_string(c, n, &text))
		return;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i], text)) {
			s->restart = (enum spec_restart)i;
			return;
		}
	if (str_starts(text, "on-failure:") &&
	    num_parse_i64(text + strlen("on-failure:"), 0, INT32_MAX, &s->restart_max))
		s->restart = RESTART_ON_FAILURE;
	else
		decode_refuse(c, n,
			      "'restart' cannot be '%.100s'; write no, always, on-failure[:N] "
			      "or unless-stopped",
			      text);
}

json_t *encode_restart(const void *obj)
{
	const struct spec_service *s = obj;
	switch (s->restart) {
	case RESTART_NO:
		return json_string("no");
	case RESTART_ON_FAILURE:
		return s->restart_max < 0
			       ? json_string("on-failure")
			       : json_sprintf("on-failure:%lld", (long long)s->restart_max);
	case RESTART_ALWAYS:
		return json_string("always");
	case RESTART_UNLESS_STOPPED:
		return json_string("unless-stopped");
	}
	return NULL;
}

/* The specification knows none, on-failure and any; Compose takes the words of `restart` too. */
FIELD_DECODER(decode_condition)
{
	static const struct {
		const char *name;
		enum spec_restart value;
	} words[] = {{"none", RESTART_NO},
		     {"no", RESTART_NO},
		     {"any", RESTART_ALWAYS},
		     {"always", RESTART_ALWAYS},
		     {"on-failure", RESTART_ON_FAILURE},
		     {"unless-stopped", RESTART_UNLESS_STOPPED}};
	const char *text;
	(void)f;
	if (!decode_string(c, n, &text))
		return;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i].name, text)) {
			((struct spec_service *)obj)->restart_policy.condition = words[i].value;
			return;
		}
	decode_refuse(c, n, "'condition' must be none, on-failure or any, not '%.100s'", text);
}

FIELD_DECODER(decode_health_test)
{
	struct spec_health *h = &((struct spec_service *)obj)->health;
	const char *text;
	(void)f;
	if (n->kind != NODE_SEQ) {
		if (!decode_string(c, n, &text))
			return;
		strlist_add(&h->test, "CMD-SHELL");
		strlist_add(&h->test, text);
		return;
	}
	struct strlist test = {0};
	bool ok = decode_strings(c, n, false, &test);
	const char *first = test.n ? test.v[0] : "";
	if (ok && test.n == 1 && streq(first, "NONE")) {
		h->disabled = true;
	} else if (ok && test.n >= 2 && (streq(first, "CMD") || streq(first, "CMD-SHELL"))) {
		h->test = test;
		return;
	} else if (ok && test.n > 0) {
		decode_error(c, n,
			     "'test' must be a string, or a list that begins with CMD, "
			     "CMD-SHELL or is just NONE");
	}
	strlist_done(&test);
}

FIELD_DECODER(decode_memswap)
{
	int64_t *to = &((struct spec_service *)obj)->swap.total;
	const char *text;
	(void)f;
	if (!decode_scalar(c, n, &text))
		return;
	if (streq(text, "-1"))
		*to = -1;
	else if (!units_size(text, to))
		decode_error(c, n, "'%s' must be a size such as 1g, or -1, not '%.100s'", c->key,
			     text);
}
