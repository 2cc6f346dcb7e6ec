/* SPDX-License-Identifier: Apache-2.0
 * A profile of the user's own: Docker's form (moby, profiles/seccomp) to the OCI runtime's
 * (config-linux.md, "seccomp"). What depends on capabilities, architecture or kernel is decided here. */
#include "agent/runtime/seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define PROFILE_MAX (1 << 20) /* bytes */
#define RULES_MAX   4096

#if defined(__x86_64__)
static const char *const arches[] = {"amd64", "x86", "x32"};
static const char *const oci_arches[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#else
static const char *const arches[] = {"arm64", "arm"};
static const char *const oci_arches[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#endif

static bool kernel_at_least(const char *text)
{
	struct utsname u;
	int major = 0, minor = 0, have_major = 0, have_minor = 0;
	return uname(&u) == 0 && text && sscanf(text, "%d.%d", &major, &minor) == 2 &&
	       sscanf(u.release, "%d.%d", &have_major, &have_minor) == 2 &&
	       (have_major > major || (have_major == major && have_minor >= minor));
}

static bool has_arch(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		if (streq(arches[i], name))
			return true;
	return false;
}

/* How many of a condition's words hold; *ret_n: how many there are. */
static size_t holds(const json_t *cond, caps_t caps, size_t *ret_n)
{
	const json_t *v;
	size_t i, yes = 0, n = 0;
	bool arch = false;
	json_array_foreach(json_object_get(cond, "caps"), i, v)
	{
		n++;
		yes += json_is_string(v) && caps_has(caps, json_string_value(v));
	}
	json_array_foreach(json_object_get(cond, "arches"), i, v)
	{
		arch = arch || (json_is_string(v) && has_arch(json_string_value(v)));
	}
	if (json_array_size(json_object_get(cond, "arches"))) {
		n++;
		yes += arch;
	}
	if (json_str(cond, "minKernel")) {
		n++;
		yes += kernel_at_least(json_str(cond, "minKernel"));
	}
	*ret_n = n;
	return yes;
}

static bool applies(const json_t *rule, caps_t caps)
{
	size_t n;
	if (holds(json_object_get(rule, "includes"), caps, &n) < n)
		return false;
	return holds(json_object_get(rule, "excludes"), caps, &n) == 0;
}

static json_t *convert(const json_t *rule)
{
	static const char *const copied[] = {"action", "errnoRet", "args"};
	json_t *j = json_object(), *names = json_array();
	json_t *list = json_object_get(rule, "names"), *name = json_object_get(rule, "name");
	if (json_is_array(list))
		json_array_extend(names, list);
	if (json_is_string(name))
		json_array_append(names, name);
	json_object_set_new(j, "names", names);
	for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
		json_t *v = json_object_get(rule, copied[i]);
		if (v && !json_is_null(v) && !(json_is_array(v) && !json_array_size(v)))
			json_object_set(j, copied[i], v);
	}
	return j;
}

json_t *seccomp_custom(const char *text, caps_t caps, struct err *err)
{
	size_t len = strlen(text), i;
	auto_json *in = len <= PROFILE_MAX ? json_parse(text, len, NULL) : NULL;
	const json_t *rules = json_object_get(in, "syscalls"), *rule;
	const char *action = json_str(in, "defaultAction");
	if (!action || (rules && !json_is_array(rules)) || json_array_size(rules) > RULES_MAX) {
		err_set(err, -EINVAL,
			"the seccomp profile is not a JSON object with 'defaultAction' and "
			"'syscalls'");
		return NULL;
	}
	json_t *out = json_object(), *list = json_array(), *where = json_array();
	for (i = 0; i < ARRAY_LEN(oci_arches); i++)
		json_array_append_new(where, json_string(oci_arches[i]));
	json_array_foreach(rules, i, rule)
	{
		if (json_is_object(rule) && json_str(rule, "action") && applies(rule, caps))
			json_array_append_new(list, convert(rule));
	}
	json_put_str(out, "defaultAction", action);
	if (json_is_integer(json_object_get(in, "defaultErrnoRet")))
		json_object_set(out, "defaultErrnoRet", json_object_get(in, "defaultErrnoRet"));
	json_object_set_new(out, "architectures", where);
	json_object_set_new(out, "syscalls", list);
	return out;
}
